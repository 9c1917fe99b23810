"""Slides whose truth is known: counts, parasitaemia, its interval, and what is never negative.

Many slides by arithmetic alone, with a classifier that errs on each as the shipped manifest says;
then some drawn ones through the shipped bundle itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import RanOn, SlideReport
from edge.installed import load_screener
from edge.protocol import Protocol, summarise
from edge.screening.calls import field_point
from edge.screening.reading import read_fields
from edge.tally import Tally, tally_fields
from tests.conftest import SHIPPED

RAN_ON = RanOn("simulated", "0", "none", "none", False, 1)
SLIDES = 2000
# Parasitaemia from and to.
RANGES = ((0.0, 0.001), (0.001, 0.01), (0.01, 0.03), (0.03, 0.1), (0.1, 0.3))
# Known from 500 and 1,500 cells' worth of slides, where the shipped one is known from 8 and 180.
WELL_KNOWN = ErrorRate(0.9, 2000, 40, 500.0), ErrorRate(0.995, 4000, 40, 1500.0)


def shipped_point() -> OperatingPoint:
    return field_point(open_bundle(SHIPPED).manifest)


def well_known_point() -> OperatingPoint:
    return OperatingPoint(0.5, "simulated", "none", 0.9, *WELL_KNOWN)


def on_each_slide(rng: np.random.Generator, rate: ErrorRate) -> np.ndarray:
    """(SLIDES,) the rate on each, as far apart as its effective sample size says."""
    others = rate.n_effective - 1
    return rng.beta(rate.rate * others, (1 - rate.rate) * others, SLIDES)


def simulate(
    point: OperatingPoint, truth: np.ndarray, rbc_count: int, seed: int = 7
) -> list[SlideReport]:
    """A report of each slide of this true parasitaemia."""
    rng = np.random.default_rng(seed)
    infected = rng.binomial(rbc_count, truth)
    found = rng.binomial(infected, on_each_slide(rng, point.sensitivity_cell))
    alarms = rng.binomial(rbc_count - infected, 1 - on_each_slide(rng, point.specificity_cell))
    return [
        summarise(Tally(rbc_count, int(called), 40, 0), Protocol(), point, RAN_ON)
        for called in found + alarms
    ]


def coverage(reports: list[SlideReport], truth: np.ndarray) -> float:
    low, high = (np.array([getattr(r, end) for r in reports]) for end in ("ci_low", "ci_high"))
    return float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize("rbc_count", [1000, 5000])
@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("point", [shipped_point, well_known_point])
def test_interval_covers_the_truth_in_95_of_100_slides(
    point: Callable[[], OperatingPoint], low: float, high: float, rbc_count: int
) -> None:
    truth = np.random.default_rng(1).uniform(low, high, SLIDES)
    found = coverage(simulate(point(), truth, rbc_count), truth)
    # Near 0 an interval that begins at 0 can miss on one side alone, so it covers more than 95.
    assert 0.93 <= found <= (0.99 if low >= 0.01 else 0.995)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_corrected_parasitaemia_is_right_on_average(low: float, high: float) -> None:
    truth = np.random.default_rng(2).uniform(low, high, SLIDES)
    found = [report.parasitaemia_fraction for report in simulate(shipped_point(), truth, 5000)]
    # False alarms beyond those expected add what fewer than expected cannot take away.
    assert np.mean(np.array(found) - truth) == pytest.approx(0, abs=0.0025)


def test_clean_slides_are_rarely_positive_and_infected_ones_never_negative() -> None:
    clean = simulate(shipped_point(), np.zeros(SLIDES), 5000)
    assert np.mean([report.verdict == "positive" for report in clean]) <= 0.02
    infected = simulate(shipped_point(), np.full(SLIDES, 0.03), 5000)
    assert {report.verdict for report in infected} <= {"positive", "inconclusive"}


# The real path: drawn slides of about 115 whole cells each.
SETTINGS = SmearSettings(width_px=960, height_px=720, cells_per_field=75)
FIELDS = 2
PARASITAEMIAS = (0.0, 0.04, 0.1, 0.25)
# Small enough that a clean slide of this size can be negative.
SMALL = Protocol("drawn-60", minimum_rbc_count=60, negative_limit_fraction=0.1)


@dataclass(frozen=True)
class Slide:
    """A drawn slide as it was read, and the truth of the fields that were usable."""

    report: SlideReport
    rbc_count: int
    positive_count: int


@cache
def drawn_slides(parasitaemia_fraction: float) -> tuple[Slide, ...]:
    """Eight slides of their own stain and light, through the shipped bundles."""
    screener = load_screener(Path("no-other-bundles"), DeviceConfig(threads=1))
    slides = []
    for seed in range(8):
        camera = SimulatedCamera(
            1000 + 100 * PARASITAEMIAS.index(parasitaemia_fraction) + seed,
            parasitaemia_fraction,
            SETTINGS,
            FIELDS,
        )
        results = [result for result, _ in read_fields(camera, screener)]
        truth = [camera.truth(result.name) for result in results if result.quality.usable]
        point = field_point(screener.bundle.manifest)
        slides.append(
            Slide(
                summarise(tally_fields(results), SMALL, point, screener.ran_on),
                sum(field.rbc_count for field in truth),
                sum(field.positive_count for field in truth),
            )
        )
    screener.close()
    return tuple(slides)


@pytest.mark.parametrize("parasitaemia", PARASITAEMIAS)
def test_count_of_drawn_slides_is_the_truth(parasitaemia: float) -> None:
    slides = [slide for slide in drawn_slides(parasitaemia) if slide.rbc_count]
    assert len(slides) >= 6
    found = np.array([slide.report.rbc_count for slide in slides])
    truth = np.array([slide.rbc_count for slide in slides])
    assert found.sum() == pytest.approx(truth.sum(), rel=0.03)
    assert found == pytest.approx(truth, rel=0.12)


@pytest.mark.parametrize("parasitaemia", PARASITAEMIAS)
def test_parasitaemia_of_drawn_slides_is_near_the_truth(parasitaemia: float) -> None:
    slides = [slide for slide in drawn_slides(parasitaemia) if slide.rbc_count]
    truth = [slide.positive_count / slide.rbc_count for slide in slides]
    found = [slide.report.parasitaemia_fraction for slide in slides]
    assert np.mean(found) == pytest.approx(np.mean(truth), rel=0.25, abs=0.002)
    within = [
        slide.report.ci_low <= true <= slide.report.ci_high
        for slide, true in zip(slides, truth, strict=True)
    ]
    assert np.mean(within) >= 0.85


def test_slide_with_three_parasites_in_a_hundred_cells_is_never_negative() -> None:
    verdicts = {
        slide.report.verdict
        for parasitaemia in PARASITAEMIAS
        for slide in drawn_slides(parasitaemia)
        if slide.positive_count >= 0.03 * max(slide.rbc_count, 1)
    }
    assert verdicts == {"positive", "inconclusive"}
    assert "negative" in {slide.report.verdict for slide in drawn_slides(0.0)}


def test_every_drawn_slide_with_many_parasites_is_positive_with_its_stages() -> None:
    for slide in drawn_slides(0.25):
        report = slide.report
        assert report.verdict == "positive"
        assert report.gametocyte_count is not None
        assert 0 < sum(report.stage_counts.values()) <= report.positive_count
