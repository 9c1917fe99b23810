"""Which cells a reviewer is asked about: hand-made logits and calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.contract.errors import ManifestError
from edge.contract.reference import UncertainBand
from edge.contract.types import CellBox, CellCall
from edge.screening.uncertain import Flagged, is_certain, mark_uncertain

BAND = UncertainBand(healthy_high=0.5, infected_low=-1.5, error_rate=0.02, most_share=0.5)
MASK = np.ones((4, 4), bool)


def calls(*logits: float, threshold: float = 2.0) -> tuple[CellCall, ...]:
    """A whole red cell for each logit."""
    return tuple(
        CellCall(
            CellBox(0, 0, 4, 4, MASK),
            "parasitised" if logit >= threshold else "uninfected",
            0.5,
            counted=True,
        )
        for logit in logits
    )


def flagged(marked: tuple[CellCall, ...]) -> list[int]:
    return [index for index, call in enumerate(marked) if call.uncertain]


@pytest.mark.parametrize(
    ("logit", "infected", "certain"),
    [
        (-3.0, False, True),
        (-1.5, False, False),
        (0.5, False, False),
        (0.6, False, False),  # No healthy cell looks so, and yet it lies below the threshold.
        (0.6, True, True),
        (0.0, True, False),
        (-3.0, True, False),
    ],
)
def test_a_call_is_certain_where_it_alone_fits(logit: float, infected: bool, certain: bool) -> None:
    assert is_certain(logit, BAND, infected=infected) is certain


def test_where_neither_label_fits_nothing_is_certain() -> None:
    gap = replace(BAND, healthy_high=-1.0, infected_low=1.0)
    assert not is_certain(0.0, gap, infected=False)
    assert not is_certain(0.0, gap, infected=True)


def test_nearest_to_the_threshold_come_first_and_no_more_than_the_share() -> None:
    logits = np.array([-4, -1, 0.4, 1.9, -5, 3, -0.5, -6], np.float32)
    found = calls(*logits)
    assert flagged(mark_uncertain(found, logits, 2.0, BAND, Flagged())) == [1, 2, 3, 6]
    fewer = replace(BAND, most_share=0.25)
    assert flagged(mark_uncertain(found, logits, 2.0, fewer, Flagged())) == [2, 3]


def test_share_is_of_the_specimen_not_of_the_field() -> None:
    logits = np.zeros(4, np.float32)
    found = calls(*logits)
    band = replace(BAND, most_share=0.1)
    assert flagged(mark_uncertain(found, logits, 2.0, band, Flagged())) == []
    before = Flagged(cells=36, uncertain=1)
    marked = mark_uncertain(found, logits, 2.0, band, before)
    assert flagged(marked) == [0, 1, 2]
    assert before.add(marked) == Flagged(40, 4)
    assert flagged(mark_uncertain(found, logits, 2.0, band, Flagged(36, 9))) == []


def test_networks_that_differ_are_uncertain_and_uncounted_objects_never() -> None:
    logits = np.array([-9, -9, 0, 0], np.float32)
    plain = calls(*logits)
    found = (
        replace(plain[0], disagrees=True),
        plain[1],
        replace(plain[2], counted=False),
        CellCall(CellBox(0, 0, 4, 4, MASK, kind="wbc"), "wbc"),
        plain[3],
    )
    marked = mark_uncertain(found, logits, 2.0, replace(BAND, most_share=0.9), Flagged())
    assert flagged(marked) == [0, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"most_share": 0.0}, "most_share is 0.0; between 0 and 1"),
        ({"error_rate": 1.0}, "error_rate is 1.0; between 0 and 1"),
        ({"healthy_high": float("nan")}, "healthy_high is nan; a finite number"),
    ],
)
def test_band_that_cannot_be_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        replace(BAND, **change)
