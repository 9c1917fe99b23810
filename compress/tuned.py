"""Networks that are tuned after the fit: for quantisation, with zeros, with fewer channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.aware import fine_tune_aware
from compress.fits import Fit
from compress.lab_recipe import Tuning
from compress.prune_channels import prune_channels, widths_for_budget, write_start
from compress.prune_magnitude import prune_magnitude
from compress.quantise import quantise_int8
from edge.contract.types import F32Array
from train.corrections import claim_corrections, read_corrections
from train.fit import fit
from train.models.start_weights import WEIGHTS_FILE
from train.networks import load_network
from train.parts import FitData
from train.recipe_parts import ModelSpec
from train.run_folder import claim
from train.scores import Scores

# What a file weighs hardly depends on its ranges.
_WEIGHING_CROPS = 4


def aware_network(one: Fit, given: FitData, spec: Tuning) -> Any:
    """The network after a short fit that knows of the quantisation.

    It learns what the fit learnt: the labels, and the teacher where there is one.
    """
    part = given.fitted
    return fine_tune_aware(
        one.model,
        part.crops,
        part.labels,
        one.recipe,
        spec.epochs,
        spec.rate,
        targets=soft_targets(one, given),
        source=part.source,
    )


def network_with_zeros(one: Fit, given: FitData, spec: Tuning) -> Any:
    """The network with its smallest weights at 0."""
    return prune_magnitude(
        one.model,
        replace(given.fitted, taught=()),
        one.recipe,
        sparsity=spec.sparsity,
        epochs=spec.epochs,
        rate=spec.rate,
    ).model


def network_of_fewer_channels(
    one: Fit, out: Path, spec: Tuning, data: Path | None, tell: Callable[[str], None]
) -> Any:
    """A smaller network, cut to a budget of bytes and fitted on.

    Its fit is a run like any other, `out/STUDENT-small/fold<k>`, and goes on where it was stopped.

    Raises:
        ConfigError: that folder holds a fit of another recipe or of other corrections.
        DataError: the budget is too small, or the network has branches.
    """
    student, fold = one.folder.parent.name, one.recipe.held_out_fold
    small, settings = _cut_to(one, spec.max_bytes)
    start = f"{student}-cut"
    write_start(small, settings, out / start / f"fold{fold}" / WEIGHTS_FILE)
    recipe = replace(
        one.recipe,
        model=replace(settings, weights=f"run:{start}"),
        fit=replace(one.recipe.fit, epochs=spec.epochs, learning_rate=spec.rate),
    )
    folder = out / f"{student}-small" / f"fold{fold}"
    claim_corrections(folder, recipe, read_corrections(one.corrections))
    claim(folder, recipe)
    if not (folder / WEIGHTS_FILE).is_file():
        tell(
            f"{student}, fold {fold}: fitting widths {list(settings.widths)}, {spec.epochs} epochs"
        )
        fit(recipe, folder, data=data, corrections=one.corrections)
    return load_network(folder)[1]


def _cut_to(one: Fit, max_bytes: int) -> tuple[Any, ModelSpec]:
    """The cut network and its settings; its INT8 file, not an estimate of it, is within the budget.

    Weights do not change a file's size, so it is made of the network as it was cut.

    Raises:
        DataError: no network of this kind is that small.
    """
    size, budget = one.recipe.preprocessing.size_px, max_bytes
    noise = np.random.default_rng(0).integers(0, 256, (_WEIGHING_CROPS, size, size, 3), np.uint8)
    while True:
        widths = widths_for_budget(one.model, max_bytes=budget)
        small, settings = prune_channels(one.model, one.recipe.model, widths)
        excess = len(quantise_int8(small, noise, one.recipe.preprocessing.scale)) - max_bytes
        if excess <= 0:
            return small, settings
        budget -= excess


def soft_targets(one: Fit, given: FitData) -> F32Array:
    """(N,) P(positive), or (N,K), that the fit learnt: the labels' share and the teacher's."""
    part, recipe = given.fitted, one.recipe
    classes = max(2, one.model.output["logit"].shape[-1])
    smoothing = recipe.fit.label_smoothing
    hard = np.eye(classes)[part.labels.astype(int)] * (1 - smoothing) + smoothing / classes
    mixed = hard
    if recipe.teacher is not None:
        soft = Scores(part.labels, part.labels, part.labels, _one_column(part.taught[0]))
        said = soft.probability
        weight = np.where(np.isnan(said).any(axis=1, keepdims=True), 0.0, recipe.teacher.weight)
        mixed = (1 - weight) * hard + weight * np.nan_to_num(said)
    return np.asarray(mixed[:, 1] if classes == 2 else mixed, np.float32)


def _one_column(logit: F32Array) -> F32Array:
    """(N,1) as (N,), as scores of two classes are kept."""
    return logit[:, 0] if logit.shape[1] == 1 else logit
