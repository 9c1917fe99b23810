"""Drawn slides through the shipped bundle: counts, parasitaemia, and what is never negative.

Many more by arithmetic alone are in `protocol/test_interval_coverage.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings
from edge.config import DeviceConfig
from edge.contract.types import SlideReport
from edge.installed import load_screener
from edge.protocol import Protocol, summarise
from edge.screening.calls import field_point
from edge.screening.reading import read_fields
from edge.tally import tally_fields

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
