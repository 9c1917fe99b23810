"""Workers of one fit on a Ray: all are started or none, and lost ones are noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from edge.contract.errors import HardwareError
from edge.engine import EngineSettings, open_engine
from train import replicas_ray
from train.crews import see_through
from train.processes import Beat
from train.replicas_ray import RayCrew

ROOT = Path(__file__).parents[2]


def be_killed_once(folder: Path, addresses: Sequence[str], index: int, beat: Beat) -> None:
    beat()
    assert len({address.rpartition(":")[2] for address in addresses}) == 2
    mark = folder / "killed"
    if index and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    while not mark.exists():
        time.sleep(0.1)


def break_down(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    raise ZeroDivisionError("each time")


def stand(given: None, addresses: Sequence[str], index: int, beat: Beat) -> None:
    time.sleep(600)


def crews_on_ray(folder: Path) -> None:
    """What the test looks at, a line each."""
    with open_engine(EngineSettings("ray", workers=2)) as engine:
        see_through(RayCrew(2, 1, engine.cpus), be_killed_once, folder, lambda: 0, click.echo)
        try:
            see_through(RayCrew(1, 1, 2), break_down, None, lambda: 0, lambda _why: None)
        except RuntimeError as error:
            click.echo(str(error).splitlines()[-1])
        both = RayCrew(2, 1, 2)
        both.start(stand, None)
        replicas_ray.ROOM_S = 1.0
        try:
            RayCrew(1, 1, 2).start(stand, None)
        except HardwareError as error:
            click.echo(error)
        both.stop()


@pytest.mark.timeout(600)
def test_crew_on_ray_is_started_whole_and_again(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tests.train.test_ray_crew import crews_on_ray\n"
        f"crews_on_ray(Path({str(tmp_path)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lost, fault, room = done.stdout.splitlines()
    assert lost == "worker 1 of 2: its process or node is gone (ActorDiedError)"
    assert fault == "ZeroDivisionError: each time"
    assert room.startswith("--replicas 1 with --cpus 1 each found no room in 1 s: 0 CPUs")
