"""What the device's limit for naming a stage rests on: the committed out-of-fold scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.contract.labels import GAMETOCYTE, STAGES
from edge.contract.manifest import ScoreCalibration
from edge.screening.calls import probabilities_from_logits
from edge.screening.stages import LEAST_PROBABILITY
from train.teacher import OOF_DIR

RECORDS = Path(__file__).parents[2] / "train/records"


def truth() -> dict[str, int]:
    """The stage of each cell, from the records of the runs that were scored."""
    labels: dict[str, int] = {}
    for path in sorted((RECORDS / "malaria-stages").glob("fold*/held_out.npz")):
        with np.load(path) as held_out:
            labels |= dict(zip(held_out["name"].tolist(), held_out["label"].tolist(), strict=True))
    return labels


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    """(436,4) probabilities and (436,) labels."""
    labels = {Path(name).stem: label for name, label in truth().items()}
    with np.load(OOF_DIR / "malaria-stages.npz") as oof:
        likely = probabilities_from_logits(oof["logit"], ScoreCalibration())
        return likely, np.array([labels[name] for name in oof["file"].tolist()])


def test_limit_names_nearly_all_and_gets_more_of_them_right(
    scored: tuple[np.ndarray, np.ndarray],
) -> None:
    likely, labels = scored
    assert len(labels) == 436
    named, right = likely.max(axis=1) > LEAST_PROBABILITY, likely.argmax(axis=1) == labels
    assert named.mean() == pytest.approx(0.966, abs=0.001)
    assert right[named].mean() == pytest.approx(0.891, abs=0.001)
    assert right[~named].mean() < 0.5
    recall = [(right & named)[labels == stage].mean() for stage in range(len(STAGES))]
    assert np.mean(recall) == pytest.approx(0.813, abs=0.001)


def test_few_gametocytes_are_named_asexual_or_the_other_way_round(
    scored: tuple[np.ndarray, np.ndarray],
) -> None:
    likely, labels = scored
    gametocyte, named = STAGES.index(GAMETOCYTE), likely.max(axis=1) > LEAST_PROBABILITY
    called = likely.argmax(axis=1) == gametocyte
    assert (named & ~called)[labels == gametocyte].mean() == pytest.approx(0.063, abs=0.001)
    assert (named & called)[labels != gametocyte].mean() == pytest.approx(0.056, abs=0.001)
