"""Percentiles and intervals against NumPy and against what is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge.bench.spread import (
    Interval,
    drift_of,
    median_intervals,
    ratio_intervals,
    spread_of,
    unsteadiness_of,
)
from edge.bench.turns import BLOCK, WARM_UP, interleave, take_turns


def test_spread_is_of_all_calls() -> None:
    found = spread_of(np.arange(1, 1002, dtype=np.float64))
    assert (found.runs, found.min, found.p50, found.max) == (1001, 1, 501, 1001)
    assert (found.p90, found.p99, found.p99_9) == (901, 991, 1000)
    assert found.mean == 501 and found.std == pytest.approx(288.96, abs=0.01)


def test_interval_holds_the_median_and_narrows_with_blocks() -> None:
    rng = np.random.default_rng(1)
    (few,) = median_intervals(rng.normal(10, 1, (20, 25, 1)))
    (many,) = median_intervals(rng.normal(10, 1, (500, 25, 1)))
    assert few.low < 10 < few.high
    assert many.low < 10 < many.high
    assert many.high - many.low < few.high - few.low


def test_blocks_are_drawn_not_calls() -> None:
    # Two kinds of blocks: what calls have in common must widen the interval to both.
    took = np.repeat([1.0, 2.0] * 5, 25).reshape(10, 25, 1)
    (found,) = median_intervals(took)
    assert (found.low, found.high) == (1.0, 2.0)


def test_ratio_is_free_of_what_meets_both() -> None:
    rng = np.random.default_rng(2)
    load = rng.uniform(1, 3, (40, 1))
    took = np.stack([load * np.ones((40, 25)), 2 * load * np.ones((40, 25))], axis=2)
    own, other = ratio_intervals(took)
    assert (own.low, own.high) == (1, 1)
    assert (other.low, other.value, other.high) == (2, 2, 2)


@pytest.mark.parametrize(
    ("other", "meet"), [((1.5, 2.5), True), ((2.0, 3.0), True), ((2.1, 3.0), False)]
)
def test_intervals_overlap_where_they_have_a_value_in_common(
    other: tuple[float, float], meet: bool
) -> None:
    first, second = Interval(1.5, 1.0, 2.0), Interval(2.2, *other)
    assert first.overlaps(second) is second.overlaps(first) is meet


def test_drift_and_unsteadiness_are_of_block_medians() -> None:
    rising = np.linspace(1, 2, 40)[:, None] * np.ones((40, 25))
    assert drift_of(rising) == pytest.approx(20 / 29, abs=0.01)
    assert drift_of(rising[::-1]) == pytest.approx(-20 / 49, abs=0.01)
    assert unsteadiness_of(rising) == pytest.approx(0.8 / 1.5, abs=0.02)
    assert unsteadiness_of(np.ones((40, 25))) == 0


def test_turns_alternate_after_a_warm_up() -> None:
    order: list[str] = []
    took = take_turns([lambda: order.append("a"), lambda: order.append("b")], 2, 3)
    assert took.shape == (2, 3, 2)
    turn = WARM_UP + 3
    assert order == (["a"] * turn + ["b"] * turn) * 2
    assert interleave([lambda: None], BLOCK + 1).shape == (2 * BLOCK, 1)
