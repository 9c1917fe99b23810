"""Pieces of work that tests give to engines; a worker imports them by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from edge.contract.errors import DataError, FrameError


def square(number: int) -> int:
    return number * number


def process(_: int) -> int:
    return os.getpid()


def odd_ones_fail(number: int) -> int:
    if number % 2:
        raise DataError(f"number is {number}, which is odd; give an even one")
    return number


def one_frame_fails(number: int) -> int:
    if number == 1:
        raise FrameError("field-1.png", "it is truncated")
    return number


def breaks(_: int) -> int:
    raise RuntimeError("a fault of the program")


def dies_once(marks: str, number: int) -> int:
    """Kills its process at number 3, the first time."""
    if number == 3:
        try:
            (Path(marks) / "died").touch(exist_ok=False)
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_dies(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
