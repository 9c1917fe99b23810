"""Fitting an enhancer: absolute or squared error on patches, resumable to the same result.

A run folder holds `recipe.json`, `log.csv`, `checkpoint/` and, once done, `model.weights.h5`. An
epoch's patches depend on (seed, epoch) alone. After each epoch patches of validation patients are
enlarged; nothing is chosen by what comes out, it is for a person to see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.types import U8Array
from train.models.superres import build_enhancer
from train.run_folder import claim
from train.step_loop import Row, StepLoop
from train.superres.networks import INTERPOLATIONS
from train.superres.pairs import Patches, load_fields, load_high_res
from train.superres.recipe import EnhancerRecipe

MEASURED = ("validation_psnr_db", "bicubic_psnr_db")
_VALIDATION_BATCHES = 8
# A grey level, 48 dB: what is nearer than that, nobody sees.
_LEAST_ERROR = 0.1 / 255**2


def fit_enhancer(
    recipe: EnhancerRecipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[Row], None] = lambda _row: None,
) -> Path:
    """Fits the recipe's network, or goes on where an earlier call stopped.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: the folder holds a run of another recipe, or a damaged checkpoint.
        DataError: an image cannot be read, the loss is not finite, or the disk is full.
    """
    import tensorflow as tf
    import tf_keras

    claim(run_dir, recipe)
    cells = [cell for part in recipe.parts for cell in load_high_res(recipe, part, data)]
    cells += load_fields(recipe, data)
    kept = load_high_res(recipe, "validation", data)
    validation, patches = _validation(kept, recipe), Patches(cells, recipe)
    tf_keras.utils.set_random_seed(recipe.seed)
    model, loss_of = build_enhancer(recipe.model), loss_function(recipe.loss)

    def loss(low: Any, high: Any) -> Any:
        made = model(tf.cast(low, tf.float32) / 255, training=True)
        return loss_of(made - tf.cast(high, tf.float32) / 255)

    return StepLoop(model, recipe.fit, recipe.steps, run_dir, MEASURED).run(
        patches.batches,
        loss,
        clip_norm=recipe.clip_norm,
        measure=lambda: _measure(model, validation),
        on_epoch=on_epoch,
    )


def loss_function(name: str) -> Callable[[Any], Any]:
    """Of the error (N,H,W,3) in [-1,1], by a name of `train.superres.recipe.LOSSES`."""
    import tensorflow as tf

    def log_of_each(error: Any) -> Any:
        each = tf.reduce_mean(tf.square(error), axis=(1, 2, 3))
        return tf.reduce_mean(tf.math.log(each + _LEAST_ERROR))

    known = {
        "l1": lambda error: tf.reduce_mean(tf.abs(error)),
        "l2": lambda error: tf.reduce_mean(tf.square(error)),
        "psnr": log_of_each,
    }
    return known[name]


def _validation(cells: list[Any], recipe: EnhancerRecipe) -> list[tuple[U8Array, U8Array]]:
    short = replace(recipe, steps=_VALIDATION_BATCHES)
    return list(Patches(cells, short).batches(0))


def _measure(model: Any, validation: list[tuple[U8Array, U8Array]]) -> Row:
    made = [np.asarray(model(low / np.float32(255))) for low, _ in validation]
    bicubic = [np.stack([INTERPOLATIONS["bicubic"](one) for one in low]) for low, _ in validation]
    high = [good for _, good in validation]
    return {
        "validation_psnr_db": _mean_psnr([np.clip(one, 0, 1) * 255 for one in made], high),
        "bicubic_psnr_db": _mean_psnr(bicubic, high),
    }


def _mean_psnr(made: list[np.ndarray], good: list[U8Array]) -> float:
    """Of the pooled squared error; patches all black would have no PSNR of their own."""
    error = np.mean(
        [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(made, good, strict=True)]
    )
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
