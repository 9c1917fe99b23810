"""Processes that fits are made in: what they say, how they end, and crews of them that are lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError, DataError, DeviceLostError
from train.crews import TRIES, see_through
from train.processes import Beat, FaultError, Process, WorkerDiedError, in_fresh_process
from train.replicas_local import LocalCrew

ROOT = Path(__file__).parents[2]


def double(number: int, beat: Beat) -> tuple[int, int]:
    beat()
    return 2 * number, os.getpid()


def refuse(beat: Beat) -> None:
    raise DataError("no such image")


def break_down(beat: Beat) -> None:
    raise ZeroDivisionError("by nobody's will")


def die(beat: Beat) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_function_runs_in_a_process_of_its_own() -> None:
    value, process = in_fresh_process(double, 21)
    assert value == 42
    assert process != os.getpid()


def test_own_error_comes_back_and_a_death_says_what_to_do() -> None:
    with pytest.raises(DataError, match="no such image"):
        in_fresh_process(refuse)
    with pytest.raises(DataError, match="ended by signal 9; see whether memory is short"):
        in_fresh_process(die)
    with pytest.raises(FaultError, match="ZeroDivisionError: by nobody's will"):
        in_fresh_process(break_down)


def wait_for_ever(path: Path, beat: Beat) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)


def test_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tests.train.test_fit_processes import wait_for_ever\n"
        "from train.processes import in_fresh_process\n"
        f"in_fresh_process(wait_for_ever, Path({str(tmp_path / 'pid')!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    path = tmp_path / "pid"
    until(lambda: path.is_file() and path.read_text() != "")
    parent.kill()
    parent.wait()
    until(lambda: not is_running(int(path.read_text())))


def until(true: object, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    # A zombie has ended; whoever inherited it has not looked yet.
    return stat.is_file() and stat.read_text().split(")")[1].split()[0] != "Z"


def meet(folder: Path, addresses: Sequence[str], index: int, beat: Beat) -> None:
    """The second worker is killed in the first crew, and stands still in the second."""
    beat()
    crews = len(list(folder.glob(f"{index}-*")))
    (folder / f"{index}-{crews}").touch()
    assert len(set(addresses)) == 2
    while not (folder / f"0-{crews}").exists():
        time.sleep(0.05)
    if index and crews < 2:
        os.kill(os.getpid(), (signal.SIGKILL, signal.SIGSTOP)[crews])
    if not index and crews < 2:
        time.sleep(600)


def test_crew_that_loses_a_worker_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    see_through(LocalCrew(2, 1), meet, tmp_path, lambda: 0, told.append, silence_s=10)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "0-0", "0-1", "0-2", "1-0", "1-1", "1-2",
    ]  # fmt: skip
    assert told == [
        "worker 1 of 2: it was ended by signal 9",
        "worker 1 has said nothing for 10 s",
    ]


def always_die(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_crew_that_dies_time_and_again_is_given_up() -> None:
    told: list[str] = []
    with pytest.raises(DeviceLostError, match=rf"died {TRIES} times without an epoch between"):
        see_through(LocalCrew(1, 1), always_die, None, lambda: 0, told.append)
    assert len(told) == TRIES - 1


def test_crew_that_comes_further_is_started_more_often() -> None:
    told: list[str] = []
    # An epoch is finished before the third death, and none after it.
    with pytest.raises(DeviceLostError):
        see_through(LocalCrew(1, 1), always_die, None, lambda: len(told) >= 2, told.append)
    assert len(told) == 2 + TRIES - 1


def stand(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    time.sleep(600)


def test_crew_that_takes_no_step_is_lost() -> None:
    with pytest.raises(DeviceLostError, match="no worker has taken a step for 1 s"):
        see_through(LocalCrew(1, 1), stand, None, lambda: 0, lambda _why: None, stall_s=1)


def refuse_share(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    if index:
        raise ConfigError("its own")
    time.sleep(600)


def test_error_of_the_work_is_not_tried_again() -> None:
    told: list[str] = []
    with pytest.raises(ConfigError, match="its own"):
        see_through(LocalCrew(2, 1), refuse_share, None, lambda: 0, told.append)
    assert told == []


def break_share(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    raise ZeroDivisionError("each time")


def test_fault_of_the_program_is_shown_after_all_tries() -> None:
    with pytest.raises(FaultError, match="ZeroDivisionError: each time"):
        see_through(LocalCrew(1, 1), break_share, None, lambda: 0, lambda _why: None)


def test_killed_process_says_nothing_more() -> None:
    process = Process(wait_for_ever, Path(os.devnull))
    process.kill()
    with pytest.raises(WorkerDiedError):
        process.hear(1)
