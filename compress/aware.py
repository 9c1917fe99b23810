"""Training that is aware of quantisation: fake INT8 in the forward pass, after an ordinary fit.

tensorflow-model-optimization wraps each layer; convolution, batch norm and ReLU6 count as one, as
they do in the file. Ranges are taken from crops before and after, since the library starts from ±6
and its moving average takes thousands of steps to leave that.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array, U8Array
from train.batches import LabelledCrops, batches, steps_of
from train.networks import reseed
from train.recipe import Recipe

OUTPUTS = ("logit", "cam")
PREFIX = "quant_"
# While a network learns, its outputs have this much room beyond the fitted network's: what is
# clipped has no gradient.
ROOM = 1.5
# What the ranges of activations are taken from.
CALIBRATION_CROPS = 512
_CALIBRATION_BATCH = 64
# Lambda layers that only move values, so that the range before them holds after them.
_MOVING_LAMBDAS = frozenset({"patches"})


def aware_copy(model: Any) -> Any:
    """A copy with fake quantisation: the same inputs and outputs, the same weights.

    Raises:
        DataError: a layer that cannot be fake-quantised; named.
    """
    import tensorflow_model_optimization as tfmot
    from tf_keras import Model, layers
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    for layer in model.layers:
        if isinstance(layer, layers.Lambda) and layer.name not in _MOVING_LAMBDAS:
            raise DataError(
                f"layer {layer.name} (Lambda) cannot be trained with quantisation: what it "
                "computes is not known; write it with layers of Keras"
            )
    # The library keeps outputs in a list and loses the names of a dict.
    listed = Model(model.inputs, [model.output[name] for name in OUTPUTS])
    # Else Keras would not copy a Lambda, as if it came from a stranger's file.
    with warnings.catch_warnings(), SafeModeScope(safe_mode=False):
        warnings.filterwarnings("ignore", message="Lambda layers are not supported")
        try:
            aware = tfmot.quantization.keras.quantize_model(listed)
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(
                f"network {model.name!r} cannot be trained with quantisation: "
                f"{str(error).splitlines()[0][:300]}"
            ) from error
    return Model(aware.inputs, dict(zip(OUTPUTS, aware.outputs, strict=True)), name=model.name)


def fine_tune_aware(
    model: Any,
    crops: U8Array,
    labels: F32Array,
    recipe: Recipe,
    epochs: int,
    rate: float,
    *,
    targets: F32Array | None = None,
    source: np.ndarray | None = None,
) -> Any:
    """Fits an aware copy of a fitted network, with the recipe's batches and augmentation.

    Args:
        model: the fitted float network; stays as it is.
        crops: (N,S,S,3) uint8 RGB of training patients.
        labels: (N,) class indices.
        rate: learning rate at the start, falling to 0 as a cosine.
        targets: (N,) P(positive) or (N,K) probabilities to learn instead of the labels.
        source: (N,) collection of each crop, where the recipe draws by it; None takes each crop
            once an epoch whatever the recipe draws.

    Returns:
        The aware network, for `quantise.quantise_int8`.

    Raises:
        DataError: a layer cannot be fake-quantised, or the loss is not finite.
    """
    import tf_keras

    if source is None:
        recipe = replace(recipe, draws={})
    aware, scale = aware_copy(model), recipe.preprocessing.scale
    set_ranges(aware, model, crops, scale, recipe.seed, room=ROOM)
    wanted = _as_targets(labels, targets, model.output["logit"].shape[-1])
    part = LabelledCrops(crops, labels, source=source, taught=(wanted,))
    optimiser = tf_keras.optimizers.Adam(rate)
    optimiser.build(aware.trainable_variables)
    step, total = _make_step(aware, optimiser, scale), epochs * steps_of(part, recipe)
    done = 0
    for epoch in range(epochs):
        reseed(aware, (recipe.seed, epoch))
        for images, _, target in batches(part, recipe, epoch):
            optimiser.learning_rate.assign(rate / 2 * (1 + math.cos(math.pi * done / total)))
            loss, done = float(step(images, target)), done + 1
            if not math.isfinite(loss):
                raise DataError(
                    f"loss is {loss} in step {done} of training with quantisation at learning rate "
                    f"{rate:.2g}; lower it"
                )
    # The moving average lags behind weights that changed, and clips the surest scores.
    set_ranges(aware, float_copy(aware, model), crops, scale, recipe.seed)
    return aware


def float_copy(aware: Any, model: Any) -> Any:
    """A copy of `model`, the network that `aware` was made of, with the weights of `aware`.

    For variants that fake quantisation is no use to: float, ONNX, INT16.
    """
    import tf_keras

    copied = tf_keras.models.clone_model(model)
    wrappers = {layer.name.removeprefix(PREFIX): layer for layer in aware.layers}
    for layer in copied.layers:
        if layer.weights:
            own = f"{layer.name}/"
            kept = {w.name: w for w in wrappers[layer.name].weights if w.name.startswith(own)}
            layer.set_weights([kept[weight.name].numpy() for weight in layer.weights])
    return copied


def set_ranges(
    aware: Any, model: Any, crops: U8Array, scale: float, seed: int = 0, *, room: float = 0.0
) -> None:
    """Sets the ranges of weights to their own and of activations to the float network's on `crops`.

    The image's range is all of uint8, so that the file takes images as they are.

    Args:
        room: `logit` and `cam` get this many times their greatest magnitude on both sides; 0 gives
            them what was seen.
    """
    seen = {layer.name: layer for layer in model.layers}
    known = {
        layer.name.removeprefix(PREFIX): layer
        for layer in aware.layers
        if _range_of(layer) is not None and layer.name.removeprefix(PREFIX) in seen
    }
    rows = np.random.default_rng(seed).permutation(len(crops))[:CALIBRATION_CROPS]
    watched = [seen[name].output for name in known]
    extremes = _extremes(model, watched, crops[np.sort(rows)], scale)
    for (name, layer), (low, high) in zip(known.items(), extremes, strict=True):
        bound = room * max(abs(low), abs(high)) if name in OUTPUTS else 0.0
        _assign_range(layer, min(low, -bound), max(high, bound))
    for layer in aware.layers:
        # A quantiser takes the ranges of its weights when it is called as in training.
        for weight, quantiser, ends in getattr(layer, "_weight_vars", ()):
            quantiser(weight, True, weights=ends)
        if type(layer).__name__ == "QuantizeLayer":
            _assign_range(layer, 0.0, 255 * scale)


def _assign_range(layer: Any, low: float, high: float) -> None:
    # A range must hold 0, as TFLite's does.
    for variable, value in zip(
        _range_of(layer) or (), (min(low, 0.0), max(high, 0.0)), strict=False
    ):
        variable.assign(value)


def _range_of(layer: Any) -> tuple[Any, Any] | None:
    """The variables of least and greatest output, None where a layer's output is not rounded."""
    found = {}
    for variable in layer.weights:
        for end in ("_min:0", "_max:0"):
            if variable.name.endswith(end) and not variable.name.endswith(f"kernel{end}"):
                found[end] = variable
    return (found["_min:0"], found["_max:0"]) if found else None


def _extremes(
    model: Any, watched: list[Any], crops: U8Array, scale: float
) -> list[tuple[float, float]]:
    """Least and greatest value of each tensor of the Keras model."""
    from tf_keras import Model

    watching = Model(model.inputs, watched)
    ends = []
    for at in range(0, len(crops), _CALIBRATION_BATCH):
        images = crops[at : at + _CALIBRATION_BATCH].astype(np.float32) * scale
        outputs = watching(images, training=False)
        arrays = [out.numpy() for out in (outputs if isinstance(outputs, list) else [outputs])]
        ends.append([(float(array.min()), float(array.max())) for array in arrays])
    # (batches, tensors, 2): the least of the least, the greatest of the greatest.
    found = np.array(ends)
    return list(zip(found[:, :, 0].min(0).tolist(), found[:, :, 1].max(0).tolist(), strict=True))


def _as_targets(labels: F32Array, targets: F32Array | None, n_outputs: int) -> F32Array:
    """(N,n_outputs) probabilities."""
    if targets is None:
        hard = labels.astype(int)
        targets = hard if n_outputs == 1 else np.eye(n_outputs)[hard]
    return np.asarray(targets, np.float32).reshape(len(labels), n_outputs)


def _make_step(aware: Any, optimiser: Any, scale: float) -> Any:
    import tensorflow as tf

    variables = aware.trainable_variables

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(crops: Any, target: Any) -> Any:
        with tf.GradientTape() as tape:
            logit = aware(tf.cast(crops, tf.float32) * scale, training=True)["logit"]
            if logit.shape[1] == 1:
                each = tf.nn.sigmoid_cross_entropy_with_logits(target, logit)[:, 0]
            else:
                each = tf.nn.softmax_cross_entropy_with_logits(target, logit)
            loss = tf.reduce_mean(each)
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step
