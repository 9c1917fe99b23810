"""Fitting a classifier on pictures that are in memory, for studies of many small fits.

Flips are the only augmentation, as in source B. A fit depends on its seed, the pictures and the
settings alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.preprocess import Preprocessing
from edge.contract.types import F32Array, U8Array
from train.batches import predict_logits
from train.models import build_model
from train.recipe_parts import FitSpec, ModelSpec
from train.schedule import learning_rate

_SCALE = 1 / 255
Row = dict[str, float]


def fit_classifier(
    network: str, crops: U8Array, labels: np.ndarray, fit: FitSpec, seed: int
) -> tuple[Any, list[Row]]:
    """A fitted network of two classes, and a row of the log for each epoch.

    Args:
        network: a key of `train.models.MODELS`, built for the size of the crops.
        crops: (N,S,S,3) uint8 RGB.
        labels: (N,) 0 or 1.
        fit: batch size, epochs, learning rate and its schedule; the optimiser is Adam.

    Raises:
        DataError: fewer pictures than one batch, or the loss is not finite.
    """
    import tf_keras

    if len(crops) < fit.batch_size:
        raise DataError(f"{len(crops)} pictures are fewer than one batch of {fit.batch_size}")
    tf_keras.utils.set_random_seed(seed)
    model = build_model(ModelSpec(network), Preprocessing(crops.shape[1]))
    optimiser = tf_keras.optimizers.Adam(fit.learning_rate)
    step = _step_of(model, optimiser)
    steps, log = len(crops) // fit.batch_size, []
    for epoch in range(fit.epochs):
        started, seen, rate = time.monotonic(), [], 0.0
        for index, batch in enumerate(_batches(crops, labels, fit.batch_size, (seed, epoch))):
            rate = learning_rate(fit, epoch * steps + index, steps, log)
            optimiser.learning_rate.assign(rate)
            seen.append([float(value) for value in step(*batch)])
        loss, accuracy = np.mean(seen, axis=0).tolist()
        if not math.isfinite(loss):
            raise DataError(f"loss is {loss} in epoch {epoch + 1}; lower fit.learning_rate")
        seconds = time.monotonic() - started
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": loss, "accuracy": accuracy}
        log.append(row | {"seconds": seconds})
    return model, log


def logits_by(model: Any, crops: U8Array) -> F32Array:
    """(N,) logits of the positive label, from (N,S,S,3) uint8 RGB."""
    return predict_logits(model, crops, _SCALE)


def _step_of(model: Any, optimiser: Any) -> Any:
    import tensorflow as tf

    variables = model.trainable_variables

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(crops: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logit = model(tf.cast(crops, tf.float32) * _SCALE, training=True)["logit"][:, 0]
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels, logit)
            loss = tf.reduce_mean(each)
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss, tf.reduce_mean(tf.cast((logit > 0) == (labels > 0), tf.float32))

    return step


def _batches(
    crops: U8Array, labels: np.ndarray, size: int, seed: tuple[int, int]
) -> Iterator[tuple[U8Array, F32Array]]:
    """Shuffled and flipped; the incomplete last batch is dropped."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(crops))
    for start in range(0, len(crops) - size + 1, size):
        rows = order[start : start + size]
        batch = crops[rows]
        for axis in (1, 2):
            flipped = rng.random(size) < 0.5
            batch[flipped] = np.flip(batch[flipped], axis)
        yield batch, labels[rows].astype(np.float32)
