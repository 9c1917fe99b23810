"""Threads share two heaps, so that memory does not grow with each thread's most."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from web_ui import memory

CODE = """
import ctypes, sys, threading
from web_ui.memory import share_heaps
if sys.argv[1] == "shared":
    assert share_heaps()
ready = threading.Barrier(8)
def work():
    ready.wait()
    kept = [bytes(1000) for _ in range(2000)]
    ready.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stderr.count("Arena ")


def test_threads_share_two_heaps() -> None:
    assert heaps("apart") > memory.ARENAS
    assert heaps("shared") <= memory.ARENAS


def test_another_c_library_decides_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.share_heaps()


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_what_is_loaded_is_no_longer_searched() -> None:
    kept = [[number] for number in range(1000)]
    memory.settle_objects()
    assert gc.get_freeze_count() > len(kept)
    assert gc.get_threshold()[0] >= 10_000
    ring: list[object] = []
    ring.append(ring)
    marked = id(ring)
    assert any(id(one) == marked for one in gc.get_objects()), "what comes later is searched"
