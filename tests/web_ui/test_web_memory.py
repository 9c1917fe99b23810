"""Threads share two heaps, so that memory does not grow with each thread's most."""

from __future__ import annotations

import ctypes
import subprocess
import sys

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
