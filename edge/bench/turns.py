"""Timing in turns: calls go in blocks one after another, so that load and clock meet all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edge.contract.types import F64Array

# Cells of a field go through one after another, so each model warms its caches in its turn.
WARM_UP = 5
BLOCK = 25

Call = Callable[[], Any]


def interleave(calls: Sequence[Call], runs: int) -> F64Array:
    """Milliseconds a call, (at least runs, calls): each in blocks of BLOCK in its turn."""
    return take_turns(calls, -(-runs // BLOCK)).reshape(-1, len(calls))


def take_turns(calls: Sequence[Call], blocks: int, block: int = BLOCK) -> F64Array:
    """Milliseconds a call, (blocks, block, calls); before each block WARM_UP calls go untimed."""
    took = np.empty((blocks, len(calls), block))
    for at_block in range(blocks):
        for column, call in enumerate(calls):
            for _ in range(WARM_UP):
                call()
            for at in range(block):
                took[at_block, column, at] = timed_ms(call)
    return took.transpose(0, 2, 1)


def timed_ms(call: Call) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000
