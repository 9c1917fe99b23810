"""Logits to scores and calls, with arrays alone."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.errors import BundleError
from edge.contract.manifest import ScoreCalibration
from edge.screening.calls import (
    Call,
    call_pictures,
    check_reads_fields,
    field_point,
    probabilities_from_logits,
    scores_from_logits,
)
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest, draw_point

LOGITS = np.array([[0, 3, 1], [700, -700, 0], [-1, -2, 5]], np.float32)


def test_probabilities_sum_to_one_and_do_not_overflow() -> None:
    found = probabilities_from_logits(LOGITS, ScoreCalibration())
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[0] == pytest.approx(np.exp([0, 3, 1]) / np.exp([0, 3, 1]).sum(), rel=1e-5)


def test_temperature_softens_and_keeps_the_winner() -> None:
    sharp = probabilities_from_logits(LOGITS, ScoreCalibration())
    soft = probabilities_from_logits(LOGITS, ScoreCalibration(temperature=4.0))
    assert (soft.argmax(axis=1) == sharp.argmax(axis=1)).all()
    assert soft[0].max() < sharp[0].max()
    assert scores_from_logits(np.float32([2]), ScoreCalibration(2.0)) == pytest.approx(0.731, 1e-3)


def test_several_labels_give_the_winner_and_its_probability() -> None:
    manifest = draw_manifest((describe(b"", "onnx", 3),))
    found = call_pictures(LOGITS, manifest)
    assert [call.label for call in found] == ["pneumonia", "normal", "covid"]
    assert found[1].score == pytest.approx(1)
    assert call_pictures(LOGITS[:0], manifest) == []


def test_two_labels_are_called_at_the_threshold() -> None:
    manifest = draw_manifest(
        (describe(b"", "onnx", 1),),
        labels=("pneumonia", "normal"),
        positive_label="pneumonia",
        operating_point=draw_point(0.75),
    )
    logits = np.log(np.float32([0.7 / 0.3, 0.8 / 0.2]))
    assert call_pictures(logits, manifest) == [
        Call(pytest.approx(0.7), "normal"),
        Call(pytest.approx(0.8), "pneumonia"),
    ]


def test_bundle_without_a_point_for_fields_reads_none() -> None:
    two = {"labels": ("uninfected", "parasitised"), "positive_label": "parasitised"}
    manifest = draw_manifest(
        (describe(b"", "onnx", 1),), task="malaria-cells", operating_point=draw_point(), **two
    )
    with pytest.raises(BundleError, match="drawn-1 has no field_operating_point"):
        field_point(manifest)
    with pytest.raises(BundleError, match="drawn-1 has no field_operating_point"):
        check_reads_fields(manifest)
    with pytest.raises(BundleError, match="is for 'cxr-covid'; screening needs 'malaria-cells'"):
        check_reads_fields(draw_manifest((describe(b"", "onnx", 3),)))
