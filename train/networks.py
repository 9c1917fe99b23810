"""Networks of recipes: fresh ones to fit, and those of finished runs with their weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError
from train.datasets.base import labels_of
from train.models import build_model
from train.models.start_weights import RUN_PREFIX, RUN_WEIGHTS, WEIGHTS_FILE, find_start
from train.recipe import Recipe
from train.run_folder import read_run_recipe


def build_for(recipe: Recipe, n_classes: int) -> Any:
    """The recipe's network, its seed and precision set."""
    import tf_keras

    # Else dropout draws from a state of the process, which `reseed` could not set.
    tf_keras.backend.experimental.enable_tf_random_generator()
    tf_keras.utils.set_random_seed(recipe.seed)
    tf_keras.mixed_precision.set_global_policy(recipe.fit.precision)
    try:
        return build_model(recipe.model, recipe.preprocessing, n_outputs_of(n_classes))
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")


def build_to_fit(recipe: Recipe, n_classes: int, run_dir: Path) -> Any:
    """The recipe's network as a fit in `run_dir` starts.

    Raises:
        ConfigError: the run that it starts from is not there.
    """
    if recipe.model.weights.startswith(RUN_PREFIX):
        start = find_start(recipe.model.weights, run_dir, recipe.held_out_fold)
        recipe = replace(recipe, model=replace(recipe.model, weights=str(start)))
    return build_for(recipe, n_classes)


def mix_with_start(model: Any, recipe: Recipe, n_classes: int, run_dir: Path) -> None:
    """Sets the fitted weights to a mean with those that the fit started from, `start_share` of it.

    Raises:
        ConfigError: the run that it started from is gone.
    """
    if not recipe.start_share:
        return
    started = build_to_fit(recipe, n_classes, run_dir).get_weights()
    share = recipe.start_share
    pairs = zip(started, model.get_weights(), strict=True)
    model.set_weights([share * first + (1 - share) * last for first, last in pairs])


def reseed(model: Any, seed: tuple[int, int]) -> None:
    """Sets what dropout draws from, so that an epoch depends on (seed, epoch) alone."""
    for index, layer in enumerate(model.submodules):
        generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        if generator is not None:
            state = np.random.SeedSequence((*seed, index)).generate_state(1)
            generator.reset_from_seed(int(state[0]))


def build_to_load(recipe: Recipe, n_classes: int) -> Any:
    """The recipe's network for a run's weights: what the fit started from may be gone by now."""
    started = recipe.model.weights
    if started == "imagenet" or started.endswith(RUN_WEIGHTS) or started.startswith(RUN_PREFIX):
        recipe = replace(recipe, model=replace(recipe.model, weights=""))
    return build_for(recipe, n_classes)


def n_outputs_of(n_classes: int) -> int:
    """Two classes need one logit, that of the positive label."""
    return 1 if n_classes == 2 else n_classes


def read_recipe(run_dir: Path) -> Recipe:
    """The recipe of a run folder.

    Raises:
        ConfigError: there is none, or it is of another version.
    """
    return read_run_recipe(Recipe, run_dir, "clinicscope train fit")


def load_network(run_dir: Path) -> tuple[Recipe, Any]:
    """The recipe and the fitted network of a run folder.

    Raises:
        ConfigError: no run, no weights in it, or weights of another network.
    """
    recipe, path = read_recipe(run_dir), run_dir / WEIGHTS_FILE
    if not path.is_file():
        raise ConfigError(
            f"{run_dir} has no {WEIGHTS_FILE}: the fit is not finished, or its weights were not "
            f"kept, as those of large networks are not; fit the recipe again with `clinicscope "
            f"train fit RECIPE --fold {recipe.held_out_fold} --out {run_dir}`"
        )
    model = build_to_load(recipe, len(labels_of(recipe.dataset)))
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path} holds no weights of the network {model.name!r} that recipe.json describes: "
            f"{error}"
        ) from error
    return recipe, model
