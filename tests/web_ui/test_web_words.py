from __future__ import annotations

import math

import pytest

from edge.reports.interval_picture import LEFT, RIGHT, interval_chart
from edge.store.records import SpecimenRecord
from web_ui.presenter import present
from web_ui.words import (
    cause,
    found_by,
    interval_words,
    opinions,
    percent,
    score_words,
    source_words,
    stage_words,
    verdict_text,
    when,
)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.00005, "under 0.01 %"),
        (0.0012, "0.12 %"),
        (0.0134, "1.3 %"),
        (1.0, "100.0 %"),
    ],
)
def test_percent_has_the_digits_it_deserves(fraction: float | None, expected: str) -> None:
    assert percent(fraction) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (None, "not scored"),
        (0.0, "not suspicious"),
        (0.5, "slightly suspicious"),
        (0.8, "suspicious"),
        (1, "very suspicious"),
    ],
)
def test_score_words(score: float | None, expected: str) -> None:
    assert score_words(score) == expected


def test_opinions_suspect_a_cell_or_do_not() -> None:
    assert opinions("parasitised", disagrees=False) == (True, True)
    assert opinions("ring", disagrees=True) == (True, False)
    assert opinions("uninfected", disagrees=True) == (False, True)
    assert (found_by("ring"), found_by("uninfected")) == (
        "Only the 1st opinion",
        "Only the 2nd opinion",
    )
    assert (stage_words("novelty"), stage_words("cells")) == ("second opinion", "cells")


@pytest.mark.parametrize(
    "reason",
    [
        "no red blood cell",
        "no red blood cell (foreign 0.98, limit 0.62)",
        "no red blood cell (foreign 0.98, limit 0.62), though it looks infected; not counted",
        "no red blood cell; send a crop",
    ],
)
def test_cause_is_the_reason_without_figures(reason: str) -> None:
    assert cause(reason) == "no red blood cell"


def test_interval_is_said_with_its_ends() -> None:
    assert interval_words(0.013, 0.008, 0.019).startswith("Between 0.80 % and 1.9 %")
    assert "Nothing has been counted" in interval_words(None, None, None)


def test_only_negative_looks_negative() -> None:
    for verdict in ("positive", "inconclusive", "refused", "none", "pending", "odd", None):
        text = verdict_text(verdict, 9000)
        assert text.tone != "negative" and "No parasites" not in text.title
    assert verdict_text("negative", 5012).title == "No parasites found in 5,012 cells"


def test_source_words() -> None:
    assert source_words("upload", {"sources": ["a"]}) == "Upload of 1 file"
    settings = {"seed": 3, "parasitaemia_fraction": 0.02}
    assert source_words("simulated", settings) == "Simulated, 2.0 % drawn infected, seed 3"
    assert source_words("camera:x", {}) == "camera:x"


def test_when_reads_iso_times_and_leaves_the_rest() -> None:
    assert when("2025-03-02T16:05:00+02:00") == "2 Mar 2025, 14:05 UTC"
    assert when("yesterday") == "yesterday" and when(None) == "–"


@pytest.mark.parametrize("high", [0.0, 0.004, 0.03, 0.47, 1.0])
def test_chart_stays_on_its_axis(high: float) -> None:
    chart = interval_chart(high / 2, high / 4, high)
    assert chart is not None
    assert LEFT <= chart.low <= chart.estimate <= chart.high <= chart.end == RIGHT
    assert chart.ticks[0].label == "0" and not math.isnan(chart.high)


def test_chart_of_nothing_is_none() -> None:
    assert interval_chart(None, None, None) is None


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_unfinished_specimen_is_never_negative(status: str) -> None:
    report = {"verdict": "negative", "why": "none seen", "rbc_count": 6000}
    record = SpecimenRecord("x", "S-1", "upload", {}, status, "", None, report, "")
    view = present(record, None)
    assert view.verdict == "inconclusive" and "did not finish" in view.why
