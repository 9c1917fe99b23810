"""What an interval must be, whatever was counted; and exact intervals of a person's counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.errors import ConfigError
from edge.contract.manifest import ErrorRate
from edge.protocol import corrected_interval, reviewed_interval
from edge.protocol.called import CallLaw, rate_points
from edge.protocol.exact import poisson_interval, share_interval

SENSITIVITY, SPECIFICITY = ErrorRate(0.85, 6777, 72, 8.0), ErrorRate(0.9946, 6633, 96, 186.0)


def rates(least: float) -> st.SearchStrategy[ErrorRate]:
    return st.builds(
        lambda rate, worth: ErrorRate(rate, 100, 10, worth),
        st.floats(least, 1.0),
        st.floats(2.0, 1e6),
    )


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 30_000),
    share=st.floats(0, 1),
    sensitivity=rates(0.5),
    specificity=rates(0.8),
)
def test_interval_holds_its_estimate_for_any_classifier(
    count: int, share: float, sensitivity: ErrorRate, specificity: ErrorRate
) -> None:
    found = corrected_interval(round(share * count), count, sensitivity, specificity)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert 0 <= found.mistaken_fraction <= 1


@settings(max_examples=40, deadline=None)
@given(count=st.integers(20, 20_000), share=st.floats(0, 0.3), more=st.integers(1, 50))
def test_more_calls_never_lower_an_end(count: int, share: float, more: int) -> None:
    few = round(share * count)
    many = min(few + more, count)
    one, other = (corrected_interval(x, count, SENSITIVITY, SPECIFICITY) for x in (few, many))
    # An end is found between points of a table; a call more moves it by thousands of times this.
    assert other.low >= one.low - 1e-6
    assert other.high >= one.high - 1e-6
    assert other.mistaken_fraction <= one.mistaken_fraction + 1e-9


@settings(max_examples=40, deadline=None)
@given(count=st.integers(100, 20_000), share=st.floats(0, 0.3))
def test_review_takes_false_alarms_away_and_leaves_misses(count: int, share: float) -> None:
    called = round(share * count)
    reviewed = reviewed_interval(called, count, SENSITIVITY)
    machine = corrected_interval(called, count, SENSITIVITY, SPECIFICITY)
    # As many infected cells that are certain say more than as many that may be false alarms.
    assert reviewed.low >= machine.low - 1e-9
    assert reviewed.estimate == pytest.approx(
        min(called / count / SENSITIVITY.rate, reviewed.high), abs=1e-9
    )
    assert reviewed.high > called / count or called == count


def test_one_confirmed_cell_excludes_a_slide_without_parasites() -> None:
    assert reviewed_interval(1, 5000, SENSITIVITY).low > 0
    assert reviewed_interval(0, 5000, SENSITIVITY).low == 0
    assert corrected_interval(1, 5000, SENSITIVITY, SPECIFICITY).low == 0


def test_classifier_that_finds_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be corrected for; use a bundle"):
        reviewed_interval(1, 100, ErrorRate(0.01, 100, 10, 50.0))


@pytest.mark.parametrize("parasitaemia", [0.0, 0.001, 0.03])
def test_law_of_calls_is_what_drawn_slides_do(parasitaemia: float) -> None:
    rng = np.random.default_rng(5)
    slides, count = 200_000, 5000
    found, healthy = (
        rng.beta(
            rate.rate * (rate.n_effective - 1), (1 - rate.rate) * (rate.n_effective - 1), slides
        )
        for rate in (SENSITIVITY, SPECIFICITY)
    )
    called = rng.binomial(count, parasitaemia * found + (1 - parasitaemia) * (1 - healthy))
    ends = np.unique(np.quantile(called, [0.01, 0.1, 0.5, 0.9, 0.99])).astype(float)
    law = CallLaw(count, SENSITIVITY, SPECIFICITY).at_most(ends)(parasitaemia)
    drawn = [np.mean(called <= end) for end in ends]
    assert law == pytest.approx(drawn, abs=0.005)


@settings(max_examples=30, deadline=None)
@given(rate=st.floats(0.01, 0.99), worth=st.floats(2.0, 1e5))
def test_points_of_a_rate_have_its_mean_and_spread(rate: float, worth: float) -> None:
    points, weights = rate_points(rate, worth)
    assert weights.sum() == pytest.approx(1)
    mean = points @ weights
    assert mean == pytest.approx(rate, abs=0.004)
    spread = np.sqrt(weights @ (points - mean) ** 2)
    assert spread == pytest.approx(np.sqrt(rate * (1 - rate) / worth), rel=0.06)


def test_exact_intervals_are_those_of_the_tables() -> None:
    # Garwood 1936; Clopper and Pearson 1934.
    assert poisson_interval(0) == pytest.approx((0, 3.6889), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.7954, 18.3904), abs=1e-3)
    assert share_interval(0, 10) == pytest.approx((0, 0.3085), abs=1e-4)
    assert share_interval(3, 10) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert share_interval(10, 10) == pytest.approx((0.6915, 1), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 3000))
def test_poisson_interval_holds_its_count_and_grows(count: int) -> None:
    low, high = poisson_interval(count)
    assert low <= count <= high
    assert poisson_interval(count + 1) > (low, high)


@pytest.mark.parametrize(("count", "of"), [(-1, 5), (6, 5), (0, 0)])
def test_share_of_nothing_is_refused(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share_interval(count, of)
