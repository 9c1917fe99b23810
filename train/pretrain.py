"""Self-supervised pretraining on cells without labels: SimCLR (Chen 2020, arXiv:2002.05709).

Two augmented views of a cell are to be each other's nearest among all views of the batch. The
network learns what a slide, a stain or a lens does not change before it is told what a parasite is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array
from train.batches import augmented
from train.datasets.base import list_examples, load_crops
from train.networks import build_for
from train.recipe import Recipe

TEMPERATURE = 0.2
PROJECTION = 64


def pretrain(
    recipe: Recipe,
    unlabelled: Sequence[str],
    out: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[int, float], None] = lambda _epoch, _loss: None,
) -> Path:
    """Pretrains the recipe's network and writes weights for its `model.weights`.

    Args:
        unlabelled: data sets whose crops are used; their labels are not read.
        out: the weights file, ending in `.weights.h5`.
        on_epoch: called with the epoch (from 1) and its mean loss.

    Raises:
        ConfigError: the network has no class activation map to take features from, or a batch of
            one, in which there is no other cell to tell apart.
        DataError: the loss is not finite, there are fewer crops than a batch, or the disk is full.
    """
    if recipe.fit.batch_size < 2:
        raise ConfigError(f"fit.batch_size is {recipe.fit.batch_size}; contrast needs at least 2")
    cache = out.parent / "cache"
    crops = np.concatenate(
        [load_crops(list_examples(name, data), recipe.preprocessing, cache) for name in unlabelled]
    )
    if len(crops) < recipe.fit.batch_size:
        raise DataError(f"{len(crops)} crops are less than a batch of {recipe.fit.batch_size}")
    model = build_for(recipe, 2)
    step = _make_step(recipe, model, len(crops))
    for epoch in range(recipe.fit.epochs):
        on_epoch(epoch + 1, _fit_epoch(recipe, step, crops, epoch))
    _save(model, out)
    return out


def _save(model: Any, out: Path) -> None:
    partial = out.with_name(f"partial.{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(partial)
        partial.replace(out)
    # h5py raises RuntimeError where a file cannot be closed.
    except (OSError, RuntimeError) as error:
        raise DataError(f"{out} cannot be written: {error}; free some space") from error


def _fit_epoch(recipe: Recipe, step: Any, crops: U8Array, epoch: int) -> float:
    rng, size = np.random.default_rng((recipe.seed, epoch)), recipe.fit.batch_size
    order, losses = rng.permutation(len(crops)), []
    for start in range(0, len(order) - size + 1, size):
        batch = crops[order[start : start + size]]
        views = [augmented(batch, recipe, rng) for _ in range(2)]
        losses.append(float(step(np.concatenate(views))))
        if not math.isfinite(losses[-1]):
            raise DataError(f"loss is {losses[-1]} in epoch {epoch + 1}; lower fit.learning_rate")
    return float(np.mean(losses))


def _make_step(recipe: Recipe, model: Any, n_crops: int) -> Any:
    import tensorflow as tf
    import tf_keras

    projector = _projector(model)
    steps = max(1, n_crops // recipe.fit.batch_size) * recipe.fit.epochs
    rate = tf_keras.optimizers.schedules.CosineDecay(recipe.fit.learning_rate, steps)
    optimiser = tf_keras.optimizers.AdamW(rate, weight_decay=recipe.fit.weight_decay)

    @tf.function  # type: ignore[untyped-decorator]
    def step(views: Any) -> Any:
        with tf.GradientTape() as tape:
            scaled = tf.cast(views, tf.float32) * recipe.preprocessing.scale
            loss = _contrast(projector(scaled, training=True))
        variables = projector.trainable_variables
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step


def _projector(model: Any) -> Any:
    from tf_keras import Model, layers

    if "cam" not in {layer.name for layer in model.layers}:
        raise ConfigError(f"network {model.name!r} has no class activation map to pretrain below")
    features = layers.GlobalAveragePooling2D()(model.get_layer("cam").input)
    hidden = layers.Dense(features.shape[-1] * 2, activation="relu")(features)
    return Model(model.input, layers.Dense(PROJECTION)(hidden))


def _contrast(projected: Any) -> Any:
    """NT-Xent over (2N,D): row i and row i + N are views of the same cell."""
    import tensorflow as tf

    unit = tf.math.l2_normalize(projected, axis=1)
    count = tf.shape(unit)[0]
    alike = tf.matmul(unit, unit, transpose_b=True) / TEMPERATURE
    alike -= 1e9 * tf.eye(count)
    partner = tf.math.floormod(tf.range(count) + count // 2, count)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(partner, alike))
