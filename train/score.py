"""Scoring a data set with a fitted run: also one that the run has never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from edge.contract.types import F32Array, U8Array
from train.batches import predict_logits
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.fit import WEIGHTS_FILE, build_for
from train.models.heads import load_weights_file
from train.recipe import Recipe
from train.scores import Scores
from train.travel import ADAPTATIONS, Adaptation


def read_recipe(run_dir: Path) -> Recipe:
    """The recipe of a run folder.

    Raises:
        ConfigError: there is none, or it is of another version.
    """
    path = run_dir / "recipe.json"
    try:
        return from_plain(Recipe, json.loads(path.read_text()), str(path))
    except (OSError, ValueError, ManifestError) as error:
        raise ConfigError(f"{run_dir} is no run of `train fit`: {error}") from error


def load_network(run_dir: Path) -> tuple[Recipe, Any]:
    """The recipe and the fitted network of a run folder.

    Raises:
        ConfigError: no run, no weights in it, or weights of another network.
    """
    recipe, path = read_recipe(run_dir), run_dir / WEIGHTS_FILE
    if not path.is_file():
        raise ConfigError(
            f"{run_dir} has no {WEIGHTS_FILE}; large weights are not kept, fit the recipe again "
            f"with `clinicscope train fit … --out {run_dir}`"
        )
    model = build_for(recipe, len(labels_of(recipe.dataset)))
    load_weights_file(model, str(path))
    return recipe, model


def score(
    run_dir: Path,
    dataset: str,
    *,
    data: Path | None = None,
    views: int = 1,
    adaptation: str = "none",
    cache: Path | None = None,
) -> Scores:
    """Scores of every example of `dataset`.

    Args:
        views: flips and quarter turns that are averaged.
        adaptation: a key of `train.travel.ADAPTATIONS`; done field by field, without labels.
        cache: folder for prepared crops.

    Raises:
        ConfigError: no such data set or adaptation, other labels, or no weights.
        DataError: an image cannot be read.
    """
    if adaptation not in ADAPTATIONS:
        raise ConfigError(f"adaptation is {adaptation!r}; known: {', '.join(sorted(ADAPTATIONS))}")
    recipe, model = load_network(run_dir)
    if labels_of(dataset) != labels_of(recipe.dataset):
        raise ConfigError(
            f"{dataset} has labels {labels_of(dataset)}, the run was fitted on "
            f"{labels_of(recipe.dataset)}"
        )
    examples = list_examples(dataset, data)
    crops = load_crops(examples, recipe.preprocessing, cache)
    logit = _by_field(model, examples, crops, recipe, views, ADAPTATIONS[adaptation])
    return Scores.of(examples, logit)


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
            logit[rows] = predict_logits(network, crops[rows], scale, views)
    else:
        logit = predict_logits(model, crops, scale, views)
    if adapt.output:
        for rows in fields:
            logit[rows] = adapt.output(logit[rows])
    return logit
