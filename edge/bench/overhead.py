"""What the runtime's own part costs: a call through it beside the same library called in a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.bench.bare import bare_of
from edge.bench.networks import Network
from edge.bench.spread import Interval, median_intervals, ratio_intervals
from edge.bench.turns import BLOCK, Call, take_turns
from edge.runtimes.chunks import BATCH

_LEAST_BLOCKS = 4
# Of a call: what it may cost beyond the loop, as a share, by its number of cells.
TARGETS = {1: 0.03, 32: 0.01}


@dataclass(frozen=True)
class Overhead:
    """A call of `batch` cells: through the runtime, and by set_tensor, invoke and get_tensor (or
    session.run) alone, fed the same chunks and read the same outputs.

    Attributes:
        extra_us: microseconds that a call takes beyond the loop, difference of the medians.
        target: share that is aimed at; see docs/benchmark.md for what Python leaves.
    """

    batch: int
    runtime_ms: Interval
    bare_ms: Interval
    ratio: Interval
    extra_us: float
    target: float


def measure_overhead(network: Network, runs: int) -> tuple[Overhead, ...]:
    """Of single cells and of many; empty where the runtime is not on the processor, or the network
    no classifier's.
    """
    if network.role != "classifier" or not network.on_processor:
        return ()
    return tuple(_of_batch(network, batch, runs) for batch in TARGETS)


def _of_batch(network: Network, batch: int, runs: int) -> Overhead:
    through, _ = network.caller(batch)
    bare = _bare_loop(network, batch)
    # The reference comes first: ratios are to the first column.
    took = take_turns([bare, through], max(_LEAST_BLOCKS, -(-runs // (BLOCK * batch))))
    bare_ms, runtime_ms = median_intervals(took)
    _, ratio = ratio_intervals(took)
    extra_us = round(1000 * (runtime_ms.value - bare_ms.value), 2)
    return Overhead(batch, runtime_ms, bare_ms, ratio, extra_us, TARGETS[batch])


def _bare_loop(network: Network, batch: int) -> Call:
    runtime = network.runtime
    model = bare_of(runtime.weights.format, network.content, network.name, runtime.threads)
    images = np.resize(network.images, (batch, *network.images.shape[1:]))
    chunks = [images[at : at + BATCH] for at in range(0, batch, BATCH)]
    feed = model.feed(chunks[0].shape)

    def loop() -> Sequence[list[np.ndarray]]:
        return [feed(chunk) for chunk in chunks]

    return loop
