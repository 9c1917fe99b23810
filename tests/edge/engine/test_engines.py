"""Both engines do the same pieces to the same end; a real Ray of two workers, started once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError, DataError, DeviceLostError, ImageError
from edge.engine import Engine, EngineSettings, engine_options, open_engine
from edge.engine.on_ray import TRIES, RayEngine
from tests.edge.engine import pieces

# Ray leaves sockets and pipes of its own processes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Engine]:
    with open_engine(EngineSettings("ray", workers=2)) as engine:
        yield engine


@pytest.fixture(params=["local", "ray"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "local":
        return open_engine(EngineSettings())
    found: Engine = request.getfixturevalue("two_workers")
    return found


def test_every_piece_is_done_once(engine: Engine) -> None:
    for work, count in ((engine.run, 3), (engine.stream, 20)):
        done = sorted(work(pieces.square, range(count)), key=lambda one: one.index)
        assert [(one.index, one.result()) for one in done] == [(n, n * n) for n in range(count)]


def test_a_pieces_own_error_leaves_the_others(engine: Engine) -> None:
    for work in (engine.run, engine.stream):
        done = {one.index: one for one in work(pieces.odd_ones_fail, range(3))}
        assert [done[0].value, done[2].value] == [0, 2]
        with pytest.raises(DataError, match="number is 1, which is odd; give an even one"):
            done[1].result()


def test_a_fault_of_the_program_ends_the_work(engine: Engine) -> None:
    for work in (engine.run, engine.stream):
        with pytest.raises(RuntimeError, match="a fault of the program"):
            list(work(pieces.breaks, [0]))


def test_nothing_to_do_is_nothing_done(engine: Engine) -> None:
    assert list(engine.run(pieces.square, [])) == []
    assert list(engine.stream(pieces.square, iter(()))) == []


def test_an_error_that_cannot_be_sent_comes_as_the_nearest_kind(two_workers: Engine) -> None:
    done = {one.index: one for one in two_workers.stream(pieces.one_frame_fails, range(2))}
    assert type(done[1].error) is ImageError
    assert str(done[1].error) == "it is truncated"


def test_heavy_pieces_get_a_process_each(two_workers: Engine) -> None:
    found = [one.result() for one in two_workers.run(pieces.process, range(2))]
    assert len(set(found)) == 2


def test_a_piece_whose_worker_is_killed_is_done_again(
    two_workers: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("run", "stream"):
        marks = tmp_path / name
        marks.mkdir()
        work = getattr(two_workers, name)
        done = list(work(partial(pieces.dies_once, str(marks)), range(2, 5)))
        assert (marks / "died").exists()
        assert sorted(one.result() for one in done) == [2, 3, 4]
    # Standard output belongs to the command.
    assert capfd.readouterr().out == ""


def test_a_piece_that_kills_each_worker_is_told_and_the_others_are_done(
    two_workers: Engine,
) -> None:
    done = {one.index: one for one in two_workers.stream(pieces.always_dies, range(5))}
    assert sorted(n for n, one in done.items() if one.error is None) == [0, 1, 2, 4]
    with pytest.raises(DeviceLostError, match=rf"died {TRIES} times.*run again"):
        done[3].result()


def test_items_are_taken_as_room_comes(
    two_workers: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.engine.on_ray.WINDOW", 10)
    monkeypatch.setattr("edge.engine.on_ray.WINDOW_PER_CPU", 5)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    work = two_workers.stream(pieces.square, items())
    next(work)
    assert len(taken) == 10
    assert len(list(work)) == 19


def test_more_cpus_than_any_node_has_are_refused(two_workers: Engine) -> None:
    assert two_workers.cpus == 2
    for work in (two_workers.run, two_workers.stream):
        with pytest.raises(ConfigError, match=r"takes 3 CPUs, and no node .* more than 2"):
            list(work(pieces.square, [1], cpus=3))


def test_a_node_with_other_versions_ends_the_work(two_workers: Engine) -> None:
    assert isinstance(two_workers, RayEngine)
    other = RayEngine(EngineSettings("ray"))
    other._environment = other._environment.replace("numpy\0", "numpy\0other-")
    for work in (other.run, other.stream):
        with pytest.raises(ConfigError, match=r"node .* has numpy \S+ \(here other-\S+\)"):
            list(work(pieces.square, [1]))


def test_without_ray_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from edge.engine import EngineSettings, open_engine\n"
        "from edge.contract.errors import ConfigError\n"
        "assert [d.value for d in open_engine(EngineSettings()).stream(abs, [-1])] == [1]\n"
        "try: open_engine(EngineSettings('ray'))\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ray is not installed; pip install 'clinicscope[scale]'" in done.stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--address", "10.0.0.1:6379"], "--address 10.0.0.1:6379 is for --engine ray"),
        (["--workers", "2"], "--workers 2 is for --engine ray"),
    ],
)
def test_options_that_do_not_fit_are_refused(given: list[str], told: str) -> None:
    @click.command()
    @engine_options
    def command(engine: EngineSettings) -> None:
        click.echo(engine)

    result = CliRunner().invoke(command, given)
    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)
