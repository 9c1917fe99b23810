"""Held-out figures of each collection of a joint data set, and what other scoring would change.

A run's folder keeps what its networks said of their held-out cells. Here that is parted by
collection, and, asked for, said again: from several sides, or with a share of the weights that the
fit started from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import F64Array
from train.batches import predict_logits
from train.datasets.base import list_examples, load_crops
from train.evaluate import auc
from train.networks import load_network, mix_with_start
from train.runs import FoldRun, Run
from train.scores import Scores


@dataclass(frozen=True)
class Rescoring:
    """How held-out cells are scored again.

    Attributes:
        views: flips and quarter turns that are averaged, 1 to 8.
        start_share: of the weights that the fit started from, 0 to below 1.
    """

    views: int = 1
    start_share: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether anything differs from what the fit kept."""
        return self != Rescoring()


@dataclass(frozen=True)
class SourceFigures:
    """One collection's held-out cells.

    Attributes:
        auc: mean over the folds, (lowest, highest) in `auc_range`.
        f1, precision, recall: of the positive label, all folds together; each fold called at the
            threshold with the best F1 on the other folds' cells of this collection.
    """

    source: str
    cells: int
    positive: int
    auc: float
    auc_range: tuple[float, float]
    f1: float
    precision: float
    recall: float


def score_again(
    run: Run, how: Rescoring, data: Path | None = None, cache: Path | None = None
) -> list[Scores]:
    """Scores of each fold's held-out cells by its own network, as the fit made them but for `how`.

    Raises:
        ConfigError: a fold without weights, or without the run that it started from.
        DataError: images are missing, or are not those that the run was scored on.
    """
    examples = list_examples(run.recipe.dataset, data)
    crops = load_crops(examples, run.recipe.preprocessing, cache)
    row_of = {example.name: row for row, example in enumerate(examples)}
    made = []
    for fold in run.folds:
        kept = _kept(fold)
        if lacking := [name for name in kept.name.tolist() if name not in row_of]:
            raise DataError(f"{fold.folder}: {len(lacking)} cells are gone, e.g. {lacking[:3]}")
        own = crops[[row_of[name] for name in kept.name.tolist()]]
        network = _network(fold, how, len(run.labels))
        logit = predict_logits(network, own, run.recipe.preprocessing.scale, how.views)
        made.append(replace(kept, logit=np.asarray(logit, np.float32)))
    return made


def _network(fold: FoldRun, how: Rescoring, n_classes: int) -> Any:
    recipe, network = load_network(fold.folder)
    if how.start_share:
        mix_with_start(
            network, replace(recipe, start_share=how.start_share), n_classes, fold.folder
        )
    return network


def kept_scores(run: Run) -> list[Scores]:
    """What each fold's fit kept. Raises DataError where one kept none."""
    return [_kept(fold) for fold in run.folds]


def _kept(fold: FoldRun) -> Scores:
    if fold.scores is None:
        raise DataError(f"{fold.folder} has no held_out.npz; fit the recipe again to get one")
    return fold.scores


def by_source(run: Run, folds: Sequence[Scores], data: Path | None = None) -> list[SourceFigures]:
    """Figures of each collection, in the order of its data set.

    Raises:
        ConfigError: the run tells more than two labels.
        DataError: a collection has cells in one fold alone.
    """
    if len(run.labels) != 2:
        raise ConfigError(f"{run.name} tells {len(run.labels)} labels; these figures are of two")
    source_of = {
        example.name: example.source or run.recipe.dataset
        for example in list_examples(run.recipe.dataset, data)
    }
    found = [np.array([source_of.get(name, "") for name in one.name.tolist()]) for one in folds]
    sources = dict.fromkeys(source for source in source_of.values())
    return [
        _figures(
            source,
            [
                one.logit[own == source].astype(np.float64)
                for one, own in zip(folds, found, strict=True)
            ],
            [one.label[own == source] == 1 for one, own in zip(folds, found, strict=True)],
        )
        for source in sources
        if any((own == source).any() for own in found)
    ]


def _figures(
    source: str, logits: Sequence[F64Array], infected: Sequence[np.ndarray]
) -> SourceFigures:
    used = [row for row, own in enumerate(infected) if own.any() and not own.all()]
    if len(used) < 2:
        raise DataError(f"{source}: cells of both labels in {len(used)} folds; needed: 2")
    areas = [auc(logits[row], infected[row]) for row in used]
    right = called = 0
    for row in used:
        others = [other for other in used if other != row]
        threshold = best_f1_threshold(
            np.concatenate([logits[other] for other in others]),
            np.concatenate([infected[other] for other in others]),
        )
        right += int((infected[row] & (logits[row] >= threshold)).sum())
        called += int((logits[row] >= threshold).sum())
    positive = int(sum(infected[row].sum() for row in used))
    return SourceFigures(
        source,
        sum(len(logits[row]) for row in used),
        positive,
        float(np.mean(areas)),
        (min(areas), max(areas)),
        2 * right / max(called + positive, 1),
        right / max(called, 1),
        right / positive,
    )


def best_f1_threshold(logit: F64Array, infected: np.ndarray) -> float:
    """The logit from which on calling cells infected gives the best F1.

    Args:
        logit, infected: (N,), at least one infected.
    """
    order = np.argsort(-logit, kind="stable")
    score, hit = logit[order], infected[order]
    f1 = 2 * np.cumsum(hit) / (np.arange(1, len(hit) + 1) + hit.sum())
    # A threshold cannot part cells of one logit.
    f1[:-1][score[:-1] == score[1:]] = -1
    return float(score[int(f1.argmax())])
