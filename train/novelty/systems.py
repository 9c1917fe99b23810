"""Anomaly scores of networks and of baselines, on the same cells at home and away.

At home are the patients of a data set, by fold: thresholds come from the healthy cells of a fold's
validation patients, and its held-out patients are measured. Away is a microscope that none has
seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array, U8Array
from train.batches import predict_logits
from train.datasets.base import Example, list_examples, load_crops
from train.networks import read_recipe
from train.novelty.baselines import Pca, saturation_scores
from train.novelty.curves import Judged
from train.objectives import own_logit
from train.parts import split_for
from train.recipe import Recipe, load_recipe
from train.runs import fold_folders
from train.score import load_members

# Whose folds and preprocessing the baselines take.
BASELINE_RECIPE = "malaria-novelty-nih"
Scorer = Callable[[U8Array], F32Array]


@dataclass(frozen=True, eq=False)
class System:
    """Scores of one way of telling novelty.

    Attributes:
        name: of the run or the baseline.
        size_px: side of the crops that it sees.
        validation, held_out: one a fold.
        away: None where no data set of another microscope was asked for; the slide is its field,
            and folds are averaged.
    """

    name: str
    size_px: int
    validation: tuple[Judged, ...]
    held_out: tuple[Judged, ...]
    away: Judged | None


@dataclass(frozen=True)
class Sources:
    """Where cells come from: folds at home, another data set, folder of data sets, cache."""

    folds: tuple[int, ...] = (0,)
    away: str = "iml-cells"
    data: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True, eq=False)
class Cells:
    """Prepared cells of a recipe's data set, and of the other microscope (None: not asked for)."""

    recipe: Recipe
    examples: list[Example]
    crops: U8Array
    away: tuple[list[Example], U8Array] | None

    @classmethod
    def load(cls, recipe: Recipe, sources: Sources) -> Cells:
        """Raises DataError or ConfigError as `train.datasets.base`."""
        home, *others = (
            (examples, load_crops(examples, recipe.preprocessing, sources.cache))
            for dataset in (recipe.dataset, sources.away)
            if dataset
            for examples in [list_examples(dataset, sources.data)]
        )
        return cls(recipe, *home, others[0] if others else None)

    def part(self, fold: int, name: str) -> tuple[list[Example], U8Array]:
        """Examples and crops of a part of a fold's split."""
        split = split_for(replace(self.recipe, held_out_fold=fold), self.examples)
        rows = split.rows_of(self.examples, name)
        return [self.examples[row] for row in rows], self.crops[rows]

    def healthy(self, fold: int) -> U8Array:
        """What a fit with this fold held out learns from."""
        examples, crops = self.part(fold, "train")
        return crops[[example.label == 0 for example in examples]]


@dataclass(frozen=True, eq=False)
class Networks:
    """The recipe of a run, and its networks by the fold that each held out."""

    recipe: Recipe
    by_fold: dict[int, Any]


def networks_of(run_dir: Path, folds: Sequence[int]) -> Networks:
    """The networks of these folds, of a run folder or one of folds.

    Raises:
        DataError: a fold is not there.
        ConfigError: as `train.score.load_members`.
    """
    recipe, models = load_members(run_dir)
    there = [read_recipe(folder).held_out_fold for folder in fold_folders(run_dir)]
    if missing := sorted(set(folds) - set(there)):
        raise DataError(f"{run_dir} holds folds {there}, not {missing}; fit those first")
    found = dict(zip(there, models, strict=True))
    return Networks(recipe, {fold: found[fold] for fold in folds})


def score_run(run_dir: Path, sources: Sources) -> System:
    """A run's networks. Raises DataError or ConfigError as `networks_of`."""
    found = networks_of(run_dir, sources.folds)
    scorers = {fold: _network_scorer(found.recipe, model) for fold, model in found.by_fold.items()}
    return _score(run_dir.resolve().name, Cells.load(found.recipe, sources), scorers)


def score_baselines(sources: Sources) -> list[System]:
    """The hand feature, and principal components of each fold's healthy cells."""
    cells = Cells.load(load_recipe(BASELINE_RECIPE), sources)
    pca = {fold: Pca.fit(cells.healthy(fold)) for fold in sources.folds}
    kinds: dict[str, dict[int, Scorer]] = {
        "saturation (hand feature)": dict.fromkeys(sources.folds, saturation_scores),
        "PCA, squared error": {fold: found.squared for fold, found in pca.items()},
        "PCA, darker places": {fold: found.darker for fold, found in pca.items()},
    }
    return [_score(name, cells, scorers) for name, scorers in kinds.items()]


def _network_scorer(recipe: Recipe, model: Any) -> Scorer:
    scale = recipe.preprocessing.scale
    return lambda crops: own_logit(recipe, predict_logits(model, crops, scale, recipe.test_views))


def _score(name: str, cells: Cells, scorers: Mapping[int, Scorer]) -> System:
    def of(fold: int, part: str) -> Judged:
        examples, crops = cells.part(fold, part)
        return Judged.of(examples, scorers[fold](crops))

    away = None
    if cells.away is not None:
        examples, crops = cells.away
        mean = np.mean([scorer(crops) for scorer in scorers.values()], axis=0)
        away = Judged.of(examples, mean, [str(example.path) for example in examples])
    return System(
        name,
        cells.recipe.preprocessing.size_px,
        tuple(of(fold, "validation") for fold in scorers),
        tuple(of(fold, "test") for fold in scorers),
        away,
    )
