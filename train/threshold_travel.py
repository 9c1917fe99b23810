"""What becomes of a threshold fixed at home on a microscope that no network has seen. Pure.

Home is nih-cells: the threshold of fold k is fixed on the held-out cells of the other folds, each
scored by its own fold's networks. Away, any fold may be asked, since none saw it; every figure is
the mean over the folds' single networks, never that of their averaged logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.reference import ClassLogits, LogitReference
from edge.contract.site import LEAST_OF_EACH, estimate_shift
from edge.contract.types import BoolArray, F64Array
from train.bootstrap import (
    RESAMPLES,
    Figure,
    curve_rows,
    draw_weights,
    group_sums,
    summary,
)

# Nearly all cells of a real slide are healthy; a patient of nih-cells gave as many of either class.
HOME_INFECTED_SHARE = 0.1
_UPPER = 0.95


@dataclass(frozen=True, eq=False)
class Logits:
    """What both networks of one fold say of N cells.

    Attributes:
        classifier: (N,) logits.
        novelty: (N,) logits.
        positive: (N,) truth.
        group: (N,) the slide: a patient at home, a block of frames away.
    """

    classifier: F64Array
    novelty: F64Array
    positive: BoolArray
    group: np.ndarray

    def take(self, rows: np.ndarray) -> Logits:
        """Some of the cells: indices or a mask."""
        return Logits(*(getattr(self, name)[rows] for name in vars(self)))


Rule = Callable[[Logits, Logits], F64Array]


def classifier_alone(cells: Logits, _: Logits) -> F64Array:
    """The classifier's logit as it is."""
    return cells.classifier


def median_to_home(cells: Logits, home: Logits) -> F64Array:
    """Each slide's median brought to that of healthy cells at home."""
    at = float(np.median(home.classifier[~home.positive]))
    return _by_group(cells, lambda logit: logit - np.median(logit) + at)


def upper_to_home(cells: Logits, home: Logits) -> F64Array:
    """Each slide's upper quantile, of cells that look healthy, brought to that at home."""
    healthy = home.classifier[~home.positive]
    limit = float(np.quantile(healthy, 0.98))
    at = float(np.quantile(healthy[healthy < limit], _UPPER))

    def bring(logit: F64Array) -> F64Array:
        low = logit[logit < limit]
        return logit - np.quantile(low, _UPPER) + at if len(low) else logit

    return _by_group(cells, bring)


def both(weight: float) -> Rule:
    """The sum of the classifier's logit and so many times the novelty network's."""
    return lambda cells, _: cells.classifier + weight * cells.novelty


def _by_group(cells: Logits, change: Callable[[F64Array], F64Array]) -> F64Array:
    changed = cells.classifier.copy()
    for name in np.unique(cells.group):
        rows = cells.group == name
        changed[rows] = change(cells.classifier[rows])
    return changed


def thin(home: Logits, share: float = HOME_INFECTED_SHARE, seed: int = 0) -> Logits:
    """Every healthy cell, and of each patient's infected ones as many as make up the share."""
    rng = np.random.default_rng(seed)
    kept = [np.flatnonzero(~home.positive)]
    for name in np.unique(home.group):
        mine = home.group == name
        most = int(share / (1 - share) * (mine & ~home.positive).sum())
        kept.append(rng.permutation(np.flatnonzero(mine & home.positive))[:most])
    return home.take(np.sort(np.concatenate(kept)))


@dataclass(frozen=True)
class Travelled:
    """A rule at one threshold away from home: means over the folds, intervals over the slides."""

    sensitivity: Figure
    specificity: Figure


def travel_of(
    rule: Rule,
    home: Sequence[Logits],
    away: Sequence[Logits],
    specificity: float,
    *,
    resamples: int = RESAMPLES,
) -> Travelled:
    """Figures away at the threshold that has this specificity at home.

    Args:
        home: by fold, the thinned held-out cells of the other folds.
        away: by fold, the same cells.
    """
    first = away[0]
    owner, weights = _drawn(first, resamples)
    called = np.zeros(len(owner))
    for near, far in zip(home, away, strict=True):
        called += (rule(far, near) >= threshold_of(rule, near, specificity)) / len(away)
    return Travelled(
        _share(called, first.positive, owner, weights),
        _share(1 - called, ~first.positive, owner, weights),
    )


def auc_of(
    rule: Rule, home: Sequence[Logits], away: Sequence[Logits], *, resamples: int = RESAMPLES
) -> Figure:
    """Area under the ROC curve away, the mean over the folds; arguments as of `travel_of`."""
    owner, weights = _drawn(away[0], resamples)
    rows = [
        curve_rows(rule(far, near), far.positive, owner, weights)["auc"]
        for near, far in zip(home, away, strict=True)
    ]
    return summary(np.mean(rows, axis=0), len(owner), weights.shape[1])


def _drawn(cells: Logits, resamples: int) -> tuple[np.ndarray, F64Array]:
    """The slide of each cell as a number, and how often each slide is drawn."""
    names, owner = np.unique(cells.group, return_inverse=True)
    return owner, draw_weights(len(names), resamples, seed=0)


def threshold_of(rule: Rule, home: Logits, specificity: float) -> float:
    """The logit below which this share of the healthy cells at home lies."""
    return float(np.quantile(rule(home, home)[~home.positive], specificity))


def _share(right: F64Array, of: BoolArray, owner: np.ndarray, weights: F64Array) -> Figure:
    columns = np.column_stack([right * of, of]).astype(np.float64)
    drawn = weights @ group_sums(columns, owner, weights.shape[1])
    with np.errstate(invalid="ignore"):
        return summary(drawn[:, 0] / drawn[:, 1], int(of.sum()), len(set(owner[of].tolist())))


def reference_at_home(logit: F64Array, positive: BoolArray, group: np.ndarray) -> LogitReference:
    """Where both classes lie at home, as the manifest says it.

    The spread within a patient is that of a normal distribution with the same quartiles.

    Raises:
        DataError: of a class fewer than two patients have cells enough for a median.
    """

    def of_class(mine: BoolArray) -> ClassLogits:
        slides = [logit[mine & (group == name)] for name in np.unique(group[mine])]
        slides = [cells for cells in slides if len(cells) >= LEAST_OF_EACH]
        if len(slides) < 2:
            raise DataError(
                f"{len(slides)} patients have {LEAST_OF_EACH} cells of a class; two are needed to "
                "say how slides differ"
            )
        medians = np.array([np.median(cells) for cells in slides])
        inside = np.concatenate(
            [cells - middle for cells, middle in zip(slides, medians, strict=True)]
        )
        low, high = np.quantile(inside, (0.25, 0.75))
        found = (np.median(logit[mine]), (high - low) / 1.349, medians.std())
        return ClassLogits(*(round(float(value), 5) for value in found))

    return LogitReference("home", of_class(~positive), of_class(positive))


@dataclass(frozen=True, eq=False)
class SiteDraws:
    """Many sites that checked themselves: rates on slides that gave no labelled cell, (D,) each."""

    shift: F64Array
    sensitivity_before: F64Array
    sensitivity_after: F64Array
    specificity_before: F64Array
    specificity_after: F64Array


def draw_sites(
    logit: F64Array,
    positive: BoolArray,
    group: np.ndarray,
    threshold: float,
    reference: LogitReference,
    *,
    slides: int = 3,
    draws: int = 500,
    seed: int = 0,
) -> SiteDraws:
    """Labels ten cells of each class from a few slides, sets the threshold, looks at the rest."""
    rng = np.random.default_rng(seed)
    names = np.unique(group)
    rows = []
    for _ in range(draws):
        mine = np.isin(group, rng.permutation(names)[:slides])
        cells = np.concatenate(
            [
                rng.permutation(np.flatnonzero(mine & (positive == kind)))[:LEAST_OF_EACH]
                for kind in (False, True)
            ]
        )
        moved = estimate_shift(
            logit[cells].astype(np.float32), positive[cells], threshold, reference
        ).value
        rest, truth = logit[~mine], positive[~mine]
        before, after = rest >= threshold, rest >= threshold + moved
        rows.append(
            (moved, before[truth].mean(), after[truth].mean(),
             1 - before[~truth].mean(), 1 - after[~truth].mean())
        )  # fmt: skip
    return SiteDraws(*np.array(rows).T)
