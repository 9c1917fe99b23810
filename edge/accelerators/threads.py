"""How many threads a network runs best on, measured on this device once for each bundle.

A small network may be slower on four threads than on one, and which it is differs from board to
board.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np

from edge.accelerators.memory import Memory
from edge.accelerators.opening import Network, Way
from edge.runtimes.base import Runtime
from edge.runtimes.chunks import BATCH

MEASURED = "threads"
_MOST = 4
_ROUNDS, _CALLS = 6, 4
# More threads must save this share, or the other cores are better left to finding cells.
_WORTH = 0.1


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def fit_threads(network: Network, runtime: str, memory: Memory) -> tuple[int, float]:
    """Threads for a classifier on a runtime, and its time for a full chunk, milliseconds.

    Measured where this bundle was not on as many cores; kept with when.

    Raises:
        ClinicScopeError: the network cannot be opened or computed.
    """
    key = f"{network.bundle.sha256[:16]} {runtime} on {cores()} cores"
    found = memory.recall(MEASURED, key)
    if found is None:
        counts = [count for count in (1, 2, _MOST) if count <= cores()]
        times = dict(zip(counts, _measure(network, runtime, counts), strict=True))
        best = best_of(times)
        found = {
            "bundle": network.bundle.manifest.bundle_id,
            "threads": best,
            "batch_ms": {str(count): round(took, 4) for count, took in times.items()},
        }
        memory.keep(MEASURED, key, found)
    threads = int(found["threads"])
    return threads, float(found["batch_ms"][str(threads)])


def best_of(times: dict[int, float]) -> int:
    """The fewest threads that more of them would not better by a tenth."""
    best = min(times)
    for count in sorted(times):
        if times[count] < times[best] * (1 - _WORTH):
            best = count
    return best


def _measure(network: Network, runtime: str, counts: Sequence[int]) -> list[float]:
    """Best time of a full chunk on each count of threads, taken in turns."""
    opened: list[Runtime] = [network.open(Way(runtime, count)) for count in counts]
    golden = network.golden or network.bundle.manifest.golden
    cells = network.bundle.array(golden.input_file).astype(np.uint8)
    batch = np.resize(cells, (BATCH, *cells.shape[1:]))
    took = np.empty((_ROUNDS, len(opened), _CALLS))
    for turn in range(_ROUNDS):
        for column, one in enumerate(opened):
            for call in range(_CALLS):
                started = time.perf_counter()
                one.run(batch)
                took[turn, column, call] = (time.perf_counter() - started) * 1000
    for one in opened:
        one.close()
    return [float(best) for best in took.min(axis=(0, 2))]
