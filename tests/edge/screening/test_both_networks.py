"""The cells of a field called by the sum of both networks' logits, and what a reviewer is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.config import DeviceConfig
from edge.contract.errors import ManifestError
from edge.contract.reference import ClassLogits, LogitReference, UncertainBand
from edge.installed import prove_screener
from edge.runtimes.base import Scores
from edge.screening.field_calls import field_logits
from edge.screening.novelty import Opinion
from edge.screening.screener import Screener
from edge.screening.uncertain import Flagged
from tests.support.painted_field import NOVEL, paint_field, write_second_opinion

HOME = LogitReference("painted", ClassLogits(-4.0, 1.0, 1.0), ClassLogits(4.0, 1.0, 1.0))
BAND = UncertainBand(healthy_high=50.0, infected_low=-50.0, error_rate=0.02, most_share=0.1)
MAPS = np.zeros((3, 2, 2), np.float32)


def opinion(*novelty: float) -> Opinion:
    values = np.array(novelty, np.float32)
    return Opinion(values, np.zeros_like(values), MAPS[: len(values)])


def test_sum_of_logits_and_what_leaves_the_classifier_alone() -> None:
    scores = Scores(np.array([-1.0, 0.0, 2.0], np.float32), MAPS)
    second = opinion(0.5, 0.9, 1.0)
    both = replace(HOME, novelty_weight=0.5)
    expected = [-1.0, 0.5 * np.log(9), 2 + 0.5 * np.log(1e6 - 1)]
    np.testing.assert_allclose(field_logits(scores, second, both), expected, rtol=1e-4)
    for untouched in (
        field_logits(scores, None, both),
        field_logits(scores, second, None),
        field_logits(scores, second, HOME),
    ):
        assert untouched is scores.logits


def test_weight_that_cannot_be_is_refused() -> None:
    for weight in (-0.1, 4.5, float("nan")):
        with pytest.raises(ManifestError, match="novelty_weight is"):
            replace(HOME, novelty_weight=weight)


@pytest.fixture()
def screener(tmp_path: Path) -> Screener:
    return prove_screener(write_second_opinion(tmp_path / "bundle"), DeviceConfig())


def test_field_is_called_by_both_and_the_record_says_so(screener: Screener) -> None:
    frame = paint_field([NOVEL, *[""] * 40], [])
    alone = screener.screen(frame)
    weighed = replace(screener, reference=replace(HOME, novelty_weight=4.0))
    both = weighed.screen(frame)
    assert (screener.ran_on.novelty_weight, weighed.ran_on.novelty_weight) == (0.0, 4.0)
    moved = [
        (a.novelty, b.score - a.score)
        for a, b in zip(alone.cells, both.cells, strict=True)
        if a.score is not None and b.score is not None and a.novelty is not None
    ]
    assert any(novelty > 0.5 for novelty, _ in moved)
    for novelty, change in moved:
        assert change * (novelty - 0.5) >= 0


def test_reviewer_is_asked_about_a_share_of_the_specimen(screener: Screener) -> None:
    frame = paint_field([""] * 40, [])
    asking = replace(screener, reference=replace(HOME, uncertain=BAND))
    first = asking.screen(frame)
    assert sum(cell.uncertain for cell in first.cells) == first.rbc_count // 10 > 0
    assert not any(cell.uncertain for cell in screener.screen(frame).cells)
    used_up = Flagged(cells=0, uncertain=100)
    assert not any(cell.uncertain for cell in asking.screen(frame, used_up).cells)
