"""One query after another, by MLPerf Inference's rules of the SingleStream scenario.

The rules are those of MLCommons' inference policies: one sample a query, the next query when the
last is answered, at least 1,024 queries and 600 s, and the 90th percentile is the figure. It is no
MLPerf result: LoadGen did not run, and nobody reviewed it.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.bench.spread import Spread, spread_of
from edge.bench.turns import Call, timed_ms

PERCENTILE = 90


@dataclass(frozen=True)
class Rules:
    """How much a valid run needs."""

    min_queries: int = 1024
    min_s: float = 600.0


OFFICIAL = Rules()


@dataclass(frozen=True)
class SingleStream:
    """One run.

    Attributes:
        p90_ms: the smallest latency that at least 90 % of the queries stay at or below.
        why_invalid: empty where the run was valid.
    """

    queries: int
    seconds: float
    p90_ms: float
    spread: Spread
    why_invalid: str


def run_single_stream(
    samples: Sequence[Call],
    rules: Rules = OFFICIAL,
    told: Callable[[float], None] = lambda _: None,
) -> SingleStream:
    """Asks for one sample after another until the rules are met.

    Args:
        samples: a call for each; they take turns.
        told: is given the seconds gone, about once a second.
    """
    # Millions of queries: four bytes each.
    took, started, said = array("f"), time.perf_counter(), 0.0
    while (gone := time.perf_counter() - started) < rules.min_s or len(took) < rules.min_queries:
        took.append(timed_ms(samples[len(took) % len(samples)]))
        if gone - said >= 1:
            told(said := gone)
    ordered = np.sort(np.asarray(took, np.float64))
    rank = math.ceil(len(ordered) * PERCENTILE / 100) - 1
    why = invalid(len(ordered), gone)
    return SingleStream(
        len(ordered), round(gone, 2), round(float(ordered[rank]), 5), spread_of(ordered), why
    )


def invalid(queries: int, seconds: float) -> str:
    """Why a run of that size is not valid by the official rules; empty where it is."""
    if queries >= OFFICIAL.min_queries and seconds >= OFFICIAL.min_s:
        return ""
    return (
        f"{queries:,} queries in {seconds:.0f} s; a valid run has at least "
        f"{OFFICIAL.min_queries:,} and {OFFICIAL.min_s:.0f} s"
    )
