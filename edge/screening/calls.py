"""Logits to scores and calls of single pictures, pure; those of a field are in `field_calls`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import BundleError
from edge.contract.labels import MALARIA_CELLS
from edge.contract.manifest import Manifest, OperatingPoint, ScoreCalibration
from edge.contract.types import F32Array


@dataclass(frozen=True)
class Call:
    """The decision on one picture.

    Attributes:
        score: 0 to 1; P(positive label) of two labels, else that of the winning one.
    """

    score: float
    label: str


def scores_from_logits(logits: F32Array, calibration: ScoreCalibration) -> F32Array:
    """P(positive label), (N,) float32 in 0 to 1."""
    z = (logits.astype(np.float64) + calibration.offset) / calibration.temperature
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -60, 60))), np.float32)


def logit_at(score: float, calibration: ScoreCalibration) -> float:
    """The logit that gives this score, above 0 and below 1; undoes `scores_from_logits`."""
    return calibration.temperature * math.log(score / (1 - score)) - calibration.offset


def probabilities_from_logits(logits: F32Array, calibration: ScoreCalibration) -> F32Array:
    """P of each label, (N,K) float32, rows sum to 1, from (N,K) logits."""
    z = logits.astype(np.float64) / calibration.temperature
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True), np.float32)


def call_pictures(logits: F32Array, manifest: Manifest) -> list[Call]:
    """A call for each of (N,) or (N,K) logits."""
    point, positive = manifest.operating_point, manifest.positive_label
    if point is None or positive is None:
        likely = probabilities_from_logits(logits, manifest.score_calibration)
        winners = likely.argmax(axis=1)
        return [
            Call(float(row[winner]), manifest.labels[winner])
            for row, winner in zip(likely, winners, strict=True)
        ]
    negative = next(label for label in manifest.labels if label != positive)
    scores = scores_from_logits(logits, manifest.score_calibration)
    return [
        Call(float(score), positive if score >= point.threshold else negative) for score in scores
    ]


def field_point(manifest: Manifest) -> OperatingPoint:
    """The operating point for the cells of a field. Raises BundleError where there is none."""
    if manifest.field_operating_point is None:
        raise BundleError(
            f"bundle {manifest.bundle_id} has no field_operating_point, so no cell of a field can "
            "be called with it; pack it again with one, or give another --bundle"
        )
    return manifest.field_operating_point


def field_threshold(manifest: Manifest, site_shift: float = 0.0) -> float:
    """The score from which a cell of a field is called infected.

    Args:
        site_shift: of the site's check, in logit units; 0 leaves the bundle's own.

    Raises:
        BundleError: the manifest has no operating point for fields.
    """
    threshold = field_point(manifest).threshold
    if not site_shift:
        return threshold
    at = logit_at(threshold, manifest.score_calibration) + site_shift
    return float(scores_from_logits(np.array([at], np.float32), manifest.score_calibration)[0])


def check_reads_fields(manifest: Manifest) -> None:
    """Raises BundleError where a bundle is not made for the cells of a field."""
    if manifest.task != MALARIA_CELLS:
        raise BundleError(
            f"bundle {manifest.bundle_id} is for {manifest.task!r}; screening needs "
            f"{MALARIA_CELLS!r}"
        )
    field_point(manifest)
