"""Scoring a data set with a fitted run: also one that the run has never seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array, U8Array
from train.batches import predict_logits
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.networks import load_network
from train.objectives import own_logit
from train.recipe import Recipe
from train.runs import fold_folders
from train.scores import Scores
from train.travel import ADAPTATIONS, Adaptation

# Flips and quarter turns of a square.
MAX_VIEWS = 8


def load_members(run_dir: Path) -> tuple[Recipe, list[Any]]:
    """The recipe and the network of a run folder, or those of all folds in it.

    Raises:
        ConfigError: as `load_network`, or the folds are of different recipes.
        DataError: neither a run nor a folder of folds.
    """
    members = [load_network(folder) for folder in fold_folders(run_dir)]
    first = members[0][0]
    if any(replace(other, held_out_fold=first.held_out_fold) != first for other, _ in members):
        raise ConfigError(f"{run_dir} holds folds of different recipes; score them one by one")
    return first, [model for _, model in members]


def score(
    run_dir: Path,
    dataset: str,
    *,
    data: Path | None = None,
    views: int = 1,
    adaptation: str = "none",
    cache: Path | None = None,
) -> Scores:
    """Scores of every example of `dataset`; labels are indices into those of the run's data set.

    Args:
        run_dir: a run folder, or one of folds: their logits are averaged.
        dataset: its labels are among the run's, by name; it may lack some of them.
        views: flips and quarter turns that are averaged, 1 to 8.
        adaptation: a key of `train.travel.ADAPTATIONS`; done field by field, without labels.
        cache: folder for prepared crops.

    Raises:
        ConfigError: no such data set, adaptation or number of views; a label that the run does
            not know; no weights; or folds that were fitted on this very data set.
        DataError: no run, or an image cannot be read.
    """
    if adaptation not in ADAPTATIONS:
        raise ConfigError(f"adaptation is {adaptation!r}; known: {', '.join(sorted(ADAPTATIONS))}")
    if not 1 <= views <= MAX_VIEWS:
        raise ConfigError(f"views is {views}; allowed: 1 to {MAX_VIEWS}")
    recipe, models = load_members(run_dir)
    if len(models) > 1 and dataset == recipe.dataset:
        raise ConfigError(
            f"{run_dir} holds {len(models)} folds, which together were fitted on all of {dataset}; "
            "score a single fold, or join their held-out scores with `clinicscope train oof`"
        )
    examples = _in_labels_of(recipe.dataset, dataset, list_examples(dataset, data))
    crops = load_crops(examples, recipe.preprocessing, cache)
    adapt = ADAPTATIONS[adaptation]
    logits = [_by_field(model, examples, crops, recipe, views, adapt) for model in models]
    return Scores.of(examples, np.mean(logits, axis=0))


def _in_labels_of(fitted: str, dataset: str, examples: list[Example]) -> list[Example]:
    """The examples of `dataset`, their labels as indices into those of `fitted`."""
    known, found = labels_of(fitted), labels_of(dataset)
    if strange := [label for label in found if label not in known]:
        raise ConfigError(
            f"{dataset} has labels {', '.join(strange)} that the run cannot give: it was fitted on "
            f"{fitted} ({', '.join(known)})"
        )
    return [replace(example, label=known.index(found[example.label])) for example in examples]


def _by_field(
    model: Any,
    examples: list[Example],
    crops: U8Array,
    recipe: Recipe,
    views: int,
    adapt: Adaptation,
) -> F32Array:
    """Logits; whatever the adaptation changes, it changes field by field."""
    scale = recipe.preprocessing.scale
    owner = np.unique([str(example.path) for example in examples], return_inverse=True)[1]
    fields = [np.flatnonzero(owner == field) for field in range(owner.max() + 1)]
    if adapt.input:
        crops = crops.copy()
        for rows in fields:
            crops[rows] = adapt.input(crops[rows])
    if adapt.network:
        logit = np.zeros(len(crops), np.float32)
        for rows in fields:
            network = adapt.network(model, crops[rows], scale)
            logit[rows] = own_logit(recipe, predict_logits(network, crops[rows], scale, views))
    else:
        logit = predict_logits(model, crops, scale, views)
    logit = own_logit(recipe, logit)
    if adapt.output:
        for rows in fields:
            logit[rows] = adapt.output(logit[rows])
    return logit
