"""Magnitude pruning: the smallest weights become 0 while the network goes on learning.

The network keeps its shape and its milliseconds: dense kernels multiply by 0 as they do by any
other number. What it gains is bytes once the file is zipped, for sending; `zipped_bytes` says how
many. For a network that is smaller and faster see `compress.prune_channels`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from train.batches import LabelledCrops, batches, steps_of
from train.recipe import Recipe

# Masks are drawn anew until this share of the steps is done; then the weights that are left settle.
_PRUNING_SHARE = 0.75
_MASK_EVERY = 10


@dataclass(frozen=True, eq=False)
class Sparse:
    """A network with zeros.

    Attributes:
        model: of the same architecture as before; dense, without masks.
        sparsity: share of zeros among the weights of all convolutions and dense layers, reached.
        loss: mean of the last epoch.
    """

    model: Any
    sparsity: float
    loss: float


def prune_magnitude(
    model: Any,
    train: LabelledCrops,
    recipe: Recipe,
    *,
    sparsity: float,
    epochs: int,
    rate: float,
    on_epoch: Callable[[int, float, float], None] = lambda _epoch, _loss, _sparsity: None,
) -> Sparse:
    """Prunes while fine-tuning on the labels, with the recipe's batches and augmentation.

    The share of zeros rises by a cubic polynomial (Zhu and Gupta 2017, arXiv:1710.01878, eq. 1).
    The first convolution and the last layer stay dense: they hold few weights and much of the
    accuracy.

    Args:
        model: the fitted network; it is left as it is.
        sparsity: share of zeros to reach in each pruned layer, above 0 and below 1.
        rate: learning rate at the start; falls to 0 by a cosine.
        on_epoch: called with the epoch (from 1), its mean loss and the sparsity so far.

    Raises:
        ConfigError: a setting is out of range.
        DataError: nothing to prune in this network, or the loss is not finite.
    """
    if not 0 < sparsity < 1 or epochs < 1 or rate <= 0:
        raise ConfigError(
            f"sparsity is {sparsity} (above 0, below 1), epochs {epochs} (at least 1), rate {rate} "
            "(above 0)"
        )
    if len(train.labels) < recipe.fit.batch_size:
        raise ConfigError(
            f"fit.batch_size is {recipe.fit.batch_size}, more than the {len(train.labels)} crops"
        )
    chosen = _to_prune(model)
    copy, steps = _copied(model), steps_of(train, recipe)
    masked = _masked(copy, chosen, sparsity, steps * epochs)
    step, masks = _make_step(masked, recipe, rate, steps * epochs), _masks(masked)
    loss = math.nan
    for epoch in range(epochs):
        loss = _fit_epoch(step, masks, train, recipe, epoch, steps)
        # A step masks before it learns, and what it learns may move a weight off 0 again.
        for weight, mask, _ in (row for wrapper in masks for row in wrapper.pruning_vars):
            weight.assign(weight * mask)
        on_epoch(epoch + 1, loss, measure_sparsity(copy))
    # A layer that was wrapped belongs to two networks; what is handed on belongs to one.
    pruned = _copied(copy)
    return Sparse(pruned, measure_sparsity(pruned), loss)


def measure_sparsity(model: Any) -> float:
    """Share of exact zeros among the kernels of all layers."""
    kernels = [np.asarray(weight) for weight in model.weights if len(weight.shape) > 1]
    return float(sum((k == 0).sum() for k in kernels) / max(1, sum(k.size for k in kernels)))


def zipped_bytes(content: bytes) -> int:
    """Bytes of a model file once deflated, as a bundle's zip holds it."""
    return len(zlib.compress(content, 9))


def _copied(model: Any) -> Any:
    from tf_keras.models import clone_model

    copy = clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _to_prune(model: Any) -> set[str]:
    """Names of the layers to prune. Raises DataError: none, or one that tfmot does not know."""
    from tensorflow_model_optimization.python.core.sparsity.keras import prune_registry

    holders = [layer for layer in model.layers if any(len(w.shape) > 1 for w in layer.weights)]
    if len(holders) < 3:
        raise DataError(
            f"network {model.name!r} has {len(holders)} layers with kernels; between the first "
            "and the last, which stay dense, is nothing to prune"
        )
    for layer in holders[1:-1]:
        if not prune_registry.PruneRegistry.supports(layer):
            raise DataError(
                f"layer {layer.name!r} is a {type(layer).__name__}, which tfmot does not prune"
            )
    return {layer.name for layer in holders[1:-1]}


def _masked(model: Any, chosen: set[str], sparsity: float, steps: int) -> Any:
    """The same layers, the chosen in tfmot's wrapper; weights are shared with `model`."""
    from tensorflow_model_optimization.sparsity import keras as sparsity_keras
    from tf_keras.models import clone_model

    end = max(1, int(steps * _PRUNING_SHARE))
    schedule = sparsity_keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=0,
        end_step=end,
        frequency=max(1, min(_MASK_EVERY, end // 4)),
    )

    def wrap(layer: Any) -> Any:
        if layer.name not in chosen:
            return layer
        return sparsity_keras.prune_low_magnitude(layer, pruning_schedule=schedule)

    return clone_model(model, clone_function=wrap)


def _masks(masked: Any) -> list[Any]:
    return [layer for layer in masked.layers if hasattr(layer, "pruning_vars")]


def _make_step(masked: Any, recipe: Recipe, rate: float, steps: int) -> Any:
    import tensorflow as tf
    import tf_keras

    schedule = tf_keras.optimizers.schedules.CosineDecay(rate, steps)
    optimiser = tf_keras.optimizers.Adam(schedule)
    variables = masked.trainable_variables
    optimiser.build(variables)
    scale, smoothing = recipe.preprocessing.scale, recipe.fit.label_smoothing

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(crops: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logit = masked(tf.cast(crops, tf.float32) * scale, training=True)["logit"]
            loss = tf.reduce_mean(_cross_entropy(labels, logit, smoothing))
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step


def _cross_entropy(labels: Any, logit: Any, smoothing: float) -> Any:
    import tensorflow as tf

    classes = int(logit.shape[1])
    if classes == 1:
        target = labels[:, None] * (1 - smoothing) + smoothing / 2
        return tf.nn.sigmoid_cross_entropy_with_logits(target, logit)
    target = tf.one_hot(tf.cast(labels, tf.int32), classes) * (1 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(target, logit)


def _fit_epoch(
    step: Any, masks: list[Any], train: LabelledCrops, recipe: Recipe, epoch: int, steps: int
) -> float:
    losses = []
    for index, (crops, labels, *_) in enumerate(batches(train, recipe, epoch)):
        for wrapper in masks:
            wrapper.pruning_step.assign(epoch * steps + index)
        losses.append(float(step(crops, labels)))
        if not math.isfinite(losses[-1]):
            raise DataError(f"loss is {losses[-1]} in epoch {epoch + 1}; lower the rate")
    return float(np.mean(losses))
