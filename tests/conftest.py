"""What all tests share: the shipped bundle, a temporary data directory, the real images."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

# Before NumPy is there: two test processes on two cores have no core to spare, and the threads of
# OpenBLAS and OpenMP burn time while they wait for one. Programs that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Modules are compiled once, and not by each of the hundreds of programs that tests start; the next
# run finds the tests themselves compiled, too.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""

from edge.cli import main
from edge.installed import SHIPPED_DIR
from edge.store.migrate import open_database
from edge.store.store import Store

SHIPPED = SHIPPED_DIR / "malaria-cells-5"
# Whose files take longest: they fit networks, drive a browser, or kill programs.
SLOW = {"compress", "durability", "e2e", "load", "soak", "train"}

# Of how a database comes to be, and of what a disk or a kill does to it then.
MAKE_THEIR_OWN = {
    "test_clinic_disk_full.py",
    "test_store_database.py",
    "test_store_disk_full.py",
    "test_store_kill.py",
    "test_store_migrations.py",
}

# Files of tests lie in memory where there is room: records are synced at every commit, and tests
# would wait for the disk longer than they compute.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 8_000_000_000


def has_room(folder: Path) -> bool:
    """Whether tests may keep their files, and run programs, there."""
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free > ROOM_BYTES


def pytest_configure(config: pytest.Config) -> None:
    """Files go to test processes in the order below, not by how many tests they have."""
    # Hundreds of files are read and rewritten before the first test, and all of it is kept.
    gc.disable()
    sys.dont_write_bytecode = False
    if has_room(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, so that no process ends long after the others; by name, so that browsers
    and fits, which wait and compute, come by turns."""
    here = Path(__file__).parent

    def turn(item: pytest.Item) -> tuple[bool, str]:
        room = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        return room not in SLOW, item.path.name

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """Rings of unused objects are looked for seldom, and not among what all tests share: to trace
    a network makes objects by the hundred thousand."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])


@pytest.fixture(scope="module")
def quick_graphs() -> Iterator[None]:
    """TensorFlow runs each graph as it was traced. To rewrite it for speed first, as the program
    does, takes longer than the few steps of a tiny fit. Not for files that hold what this process
    fitted against what another one did, number for number."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture(scope="session")
def new_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as a new device makes it; the tests of the store prove how."""
    store = Store(tmp_path_factory.mktemp("new"))
    store.close()
    return store.path


@pytest.fixture(autouse=True)
def ready_records(
    new_records: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new store of this process begins with a copy of that database, for a tenth of what its
    migrations take; in files that are about them it makes its own."""
    if request.path.name in MAKE_THEIR_OWN:
        return

    def open_copy(path: Path) -> Engine:
        if not path.exists():
            # A folder that cannot be written to is for the store itself to tell.
            with suppress(OSError):
                shutil.copyfile(new_records, path)
        return open_database(path)

    monkeypatch.setattr("edge.store.store.open_database", open_copy)


@pytest.fixture()
def bundle_copy(tmp_path: Path) -> Path:
    """A copy of the shipped bundle that a test may damage."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))


@pytest.fixture()
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory, which the program uses."""
    path = tmp_path / "home"
    monkeypatch.setenv("CLINICSCOPE_HOME", str(path))
    return path


@pytest.fixture()
def clinicscope(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the program in this process: (exit code, standard output, standard error)."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; a test that needs it says why it was not run without."""
    named = os.environ.get("CLINICSCOPE_DATA")
    if not named:
        pytest.skip("CLINICSCOPE_DATA is not set: the real images are not part of the project")
    path = Path(named)
    assert (path / "nih-cells").is_dir(), f"CLINICSCOPE_DATA={named} holds no nih-cells"
    return path
