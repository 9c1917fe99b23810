"""How often the intervals hold a truth that is known, with a classifier that errs on each slide."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.protocol import Protocol, corrected_interval, load_protocol
from edge.protocol.simulation import (
    LAWS,
    LEAST_COVERAGE,
    LOGIT_NORMAL,
    MOST_COVERAGE,
    RANGES,
    draw_rates,
    simulate_range,
)
from edge.screening.calls import field_point
from tests.conftest import SHIPPED

# Known from 500 and 1,500 cells' worth of slides, where the shipped one is known from 8 and 186.
WELL_KNOWN = OperatingPoint(
    0.5,
    "simulated",
    "none",
    0.9,
    ErrorRate(0.9, 2000, 40, 500.0),
    ErrorRate(0.995, 4000, 40, 1500.0),
)


@pytest.fixture(scope="module")
def shipped() -> OperatingPoint:
    return field_point(open_bundle(SHIPPED).manifest)


@pytest.mark.parametrize("bounds", RANGES)
def test_interval_holds_the_truth_on_95_of_100_slides(
    shipped: OperatingPoint, bounds: tuple[float, float]
) -> None:
    found = simulate_range(shipped, load_protocol("who-thin-5000"), bounds)
    assert found.slides == 10_000
    assert LEAST_COVERAGE <= found.coverage <= MOST_COVERAGE
    assert found.within
    assert found.covered + found.below + found.above == found.slides


@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.parametrize("rbc_count", [500, 1000])
def test_so_it_does_with_few_cells_and_a_well_known_classifier(
    bounds: tuple[float, float], rbc_count: int
) -> None:
    found = simulate_range(WELL_KNOWN, Protocol(), bounds, slides=4000, rbc_count=rbc_count)
    # A handful of calls jumps in whole ones, so it holds a little more than 95.
    assert LEAST_COVERAGE <= found.coverage <= 0.98


@pytest.mark.parametrize("bounds", RANGES)
def test_other_spread_between_slides_than_assumed_changes_little(
    shipped: OperatingPoint, bounds: tuple[float, float]
) -> None:
    found = simulate_range(shipped, Protocol(), bounds, slides=4000, law=LOGIT_NORMAL)
    assert LEAST_COVERAGE <= found.coverage <= MOST_COVERAGE


@pytest.mark.parametrize("bounds", RANGES[1:])
def test_interval_of_reviewed_slides_holds_the_truth(
    shipped: OperatingPoint, bounds: tuple[float, float]
) -> None:
    found = simulate_range(shipped, Protocol(), bounds, slides=4000, reviewed=True)
    assert 0.94 <= found.coverage <= 0.975


def test_reviewed_slide_without_a_parasite_always_holds_none(shipped: OperatingPoint) -> None:
    found = simulate_range(shipped, Protocol(), RANGES[0], slides=1000, reviewed=True)
    # Its count is 0 for certain, so no other share is possible but none at all.
    assert found.coverage == 1
    assert not found.within


def test_clean_slides_are_rarely_positive_and_infected_ones_rarely_negative(
    shipped: OperatingPoint,
) -> None:
    clean = simulate_range(shipped, Protocol(), (0, 0)).verdicts
    assert clean["positive"] <= 0.015 * 10_000
    infected = simulate_range(shipped, Protocol(), (0.03, 0.03)).verdicts
    assert infected.keys() <= {"positive", "inconclusive"}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rate", [ErrorRate(0.85, 1, 1, 8.0), ErrorRate(0.9946, 1, 1, 186.0)])
def test_rates_are_drawn_with_the_manifests_mean_and_spread(law: str, rate: ErrorRate) -> None:
    drawn = draw_rates(np.random.default_rng(3), rate, 200_000, law)
    assert drawn.mean() == pytest.approx(rate.rate, abs=0.002)
    spread = (rate.rate * (1 - rate.rate) / rate.n_effective) ** 0.5
    assert drawn.std() == pytest.approx(spread, rel=0.05)


def test_law_that_does_not_exist_is_refused(shipped: OperatingPoint) -> None:
    with pytest.raises(ConfigError, match="law is 'flat'; known: beta"):
        simulate_range(shipped, Protocol(), (0, 0), slides=10, law="flat")


@pytest.mark.parametrize("truth", [0.0005, 0.005, 0.015, 0.06])
def test_corrected_parasitaemia_is_right_on_average(shipped: OperatingPoint, truth: float) -> None:
    rng = np.random.default_rng(2)
    called = rng.binomial(rng.binomial(5000, truth, 2000), shipped.sensitivity_cell.rate)
    called += rng.binomial(5000, 1 - shipped.specificity_cell.rate, 2000)
    rates = shipped.sensitivity_cell, shipped.specificity_cell
    found = [corrected_interval(int(x), 5000, *rates).estimate for x in called]
    # False alarms beyond those expected add what fewer than expected cannot take away.
    assert np.mean(found) == pytest.approx(truth, abs=0.0005)
