"""Anomaly scores against the truth: areas, thresholds that follow the healthy cells, curves.

Scores have no scale of their own, so a threshold is chosen by what it does to healthy cells of
patients that are neither fitted on nor measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import BoolArray, F64Array
from train.bootstrap import RESAMPLES, Figure, draw_weights, group_sums, summary
from train.datasets.base import Example

# Fewer cells say too little about a slide to adjust to it.
MIN_SLIDE_CELLS = 30
ADJUSTMENTS = ("none", "shift", "shift and scale")
# A normal distribution's standard deviation in median absolute deviations.
_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class Judged:
    """Anomaly scores of cells, with the truth.

    Attributes:
        name: (N,) of the cells.
        score: (N,) float64, higher is less like a healthy cell.
        positive: (N,) whether it is infected.
        group: (N,) patients, or what stands for them, which are resampled.
        slide: (N,) cells that one slide or field adjusts together.
    """

    name: np.ndarray
    score: F64Array
    positive: BoolArray
    group: np.ndarray
    slide: np.ndarray

    def __post_init__(self) -> None:
        if self.positive.all() or not self.positive.any():
            raise DataError(
                f"{len(self.positive)} cells are all of one kind; healthy and infected ones are "
                "needed to judge anomaly scores"
            )

    @classmethod
    def of(
        cls, examples: Sequence[Example], score: np.ndarray, slide: Sequence[str] | None = None
    ) -> Judged:
        """Scores of these examples, in order; the slide is the patient where none is given."""
        patient = np.array([example.patient for example in examples])
        return cls(
            np.array([example.name for example in examples]),
            np.asarray(score, np.float64),
            np.array([example.label > 0 for example in examples]),
            patient,
            patient if slide is None else np.array(slide),
        )

    def rescored(self, score: np.ndarray) -> Judged:
        """The same cells with other scores."""
        return replace(self, score=np.asarray(score, np.float64))


@dataclass(frozen=True, eq=False)
class Curve:
    """(T,) each, thresholds rising; precision is 1 where nothing is flagged."""

    threshold: F64Array
    false_alarm: F64Array
    precision: F64Array
    recall: F64Array
    f1: F64Array


def pooled(parts: Sequence[Judged]) -> Judged:
    """The cells of several folds as one."""
    fields = ("name", "score", "positive", "group", "slide")
    return Judged(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def auc_rows(judged: Judged, resamples: int = RESAMPLES, seed: int = 0) -> F64Array:
    """(1 + resamples,) areas under the ROC curve, ties half; the first is the figure.

    Of the same cells and seed they are paired: the rows of two scores may be subtracted.
    """
    groups, owner = np.unique(judged.group, return_inverse=True)
    weights = draw_weights(len(groups), resamples, seed)
    positive, n_groups = judged.positive, len(groups)
    # Pairs of an infected cell of one patient and a healthy one of another that are in order: a
    # resample then only weighs patients, which is far faster than a sweep over all cells.
    in_order = np.zeros((n_groups, n_groups))
    for group in range(n_groups):
        healthy = np.sort(judged.score[~positive & (owner == group)])
        sides = [
            np.searchsorted(healthy, judged.score[positive], side) for side in ("left", "right")
        ]
        in_order[:, group] = np.bincount(owner[positive], (sides[0] + sides[1]) / 2, n_groups)
    sick = weights @ np.bincount(owner[positive], minlength=n_groups)
    well = weights @ np.bincount(owner[~positive], minlength=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((weights @ in_order) * weights).sum(axis=1) / (sick * well))


def as_figure(rows: F64Array, judged: Judged) -> Figure:
    """A figure with its interval, of rows as `auc_rows` gives them."""
    return summary(rows, len(judged.score), len(set(judged.group.tolist())))


def threshold_at(judged: Judged, false_alarm: float) -> float:
    """The lowest threshold that flags no more than this share of the healthy cells.

    Args:
        judged: validation patients.
        false_alarm: above 0, below 1.

    Raises:
        ConfigError: a share outside.
    """
    if not 0 < false_alarm < 1:
        raise ConfigError(f"false alarm is {false_alarm}; above 0 and below 1")
    ranked = np.sort(judged.score[~judged.positive])[::-1]
    allowed = int(np.floor(false_alarm * len(ranked) + 1e-9))
    # Half way between two scores, so that rounding of a score does not flip its call.
    return float((ranked[max(allowed - 1, 0)] + ranked[allowed]) / 2)


def rates_at(
    judged: Judged, threshold: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Figure]:
    """`false_alarm`, `recall`, `precision` and `f1` of flagging what scores higher.

    Precision and F1 depend on how common infected cells are among these.
    """
    groups, owner = np.unique(judged.group, return_inverse=True)
    flagged, positive = judged.score > threshold, judged.positive
    kinds = (flagged & positive, flagged & ~positive, positive, ~positive)
    counts = np.stack(kinds, axis=1).astype(np.float64)
    drawn = draw_weights(len(groups), resamples, seed) @ group_sums(counts, owner, len(groups))
    hit, false, sick, well = drawn.T
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = {
            "false_alarm": false / well,
            "recall": hit / sick,
            "precision": hit / (hit + false),
            "f1": 2 * hit / (sick + hit + false),
        }
    return {name: as_figure(row, judged) for name, row in rows.items()}


def sweep(judged: Judged) -> Curve:
    """Every threshold between two scores that differ, and one above all."""
    order = np.argsort(judged.score, kind="stable")
    score, positive = judged.score[order], judged.positive[order]
    starts = np.append(np.flatnonzero(np.diff(score, prepend=-np.inf) > 0), len(score))
    hits = positive.sum() - np.append(0, np.cumsum(positive))[starts]
    flagged = len(score) - starts
    false = flagged - hits
    below, above = np.append(score[0], score)[starts], np.append(score, score[-1])[starts]
    return Curve(
        threshold=(below + above) / 2,
        false_alarm=false / (~positive).sum(),
        precision=np.where(flagged > 0, hits / np.maximum(flagged, 1), 1.0),
        recall=hits / positive.sum(),
        f1=2 * hits / (positive.sum() + flagged),
    )


def adjusted(judged: Judged, kind: str, reference: BoolArray | None = None) -> Judged:
    """Scores as seen from each slide's own majority.

    Args:
        kind: of ADJUSTMENTS: the slide's median becomes 0; and its spread (by the median absolute
            deviation) 1.
        reference: (N,) cells that stand for the majority; None: all, which is right where most of
            a slide is healthy. Slides with fewer than MIN_SLIDE_CELLS take that of all cells.

    Raises:
        ConfigError: no such kind.
    """
    if kind not in ADJUSTMENTS:
        raise ConfigError(f"adjustment is {kind!r}; known: {', '.join(ADJUSTMENTS)}")
    if kind == "none":
        return judged
    counts = np.ones(len(judged.score), bool) if reference is None else reference
    everywhere = _centre_and_spread(judged.score[counts])
    score = judged.score.copy()
    for slide in np.unique(judged.slide):
        rows = judged.slide == slide
        own = judged.score[rows & counts]
        centre, spread = _centre_and_spread(own) if len(own) >= MIN_SLIDE_CELLS else everywhere
        score[rows] -= centre
        if kind == "shift and scale":
            score[rows] /= spread
    return judged.rescored(score)


def _centre_and_spread(score: F64Array) -> tuple[float, float]:
    centre = float(np.median(score))
    spread = float(_MAD * np.median(np.abs(score - centre)))
    return centre, max(spread, 1e-9)
