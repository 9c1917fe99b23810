"""A short fit of an enhancer with fake INT8 in it, after the ordinary one.

Kernels are rounded per channel and outputs of convolutions to the ranges that the fitted network
has, as the converters do. Only values change, so every form is made of the result as of any other
network: TFLite, ONNX, float.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compress.superres.export import LEAST_LEVEL, TileNetwork, as_grey_levels
from compress.superres.recipe import AwareSpec
from edge.contract.errors import DataError
from edge.contract.manifest import RESIDUAL
from edge.contract.types import U8Array
from train.models.superres import opencv_bicubic
from train.superres.fit import loss_function
from train.superres.pairs import Patches
from train.superres.recipe import EnhancerRecipe

_CALIBRATION_BATCH = 16


def tune_aware(
    network: TileNetwork, patches: Patches, tiles: U8Array, recipe: EnhancerRecipe, spec: AwareSpec
) -> None:
    """Trains a network of `tile_network` on; its weights change.

    Args:
        network: of any side.
        patches: of training patients; other draws than those of the fit are asked for.
        tiles: (N,T,T,3) uint8 RGB that ranges are taken from.

    Raises:
        DataError: no convolution, or the loss is not finite.
    """
    import tf_keras

    aware = aware_copy(network.model, tiles)
    optimiser = tf_keras.optimizers.Adam(spec.rate, global_clipnorm=recipe.clip_norm or None)
    optimiser.build(aware.trainable_variables)
    step, total, done = (
        _make_step(aware, network.output, optimiser, recipe.loss),
        spec.epochs * recipe.steps,
        0,
    )
    for epoch in range(spec.epochs):
        for low, high in patches.batches(recipe.fit.epochs + epoch):
            optimiser.learning_rate.assign(spec.rate / 2 * (1 + math.cos(math.pi * done / total)))
            loss, done = float(step(low, high)), done + 1
            if not math.isfinite(loss):
                raise DataError(
                    f"loss is {loss} in step {done} of training with quantisation at learning rate "
                    f"{spec.rate:.2g}; lower it"
                )
    for layer in _convolutions(network.model):
        layer.set_weights(aware.get_layer(layer.name).get_weights())


def aware_copy(network: Any, tiles: U8Array) -> Any:
    """The same function with kernels and maps rounded; other layers are shared with `network`.

    Raises:
        DataError: no convolution to round.
    """
    from tf_keras.models import clone_model

    convolutions = _convolutions(network)
    if not convolutions:
        raise DataError(f"{network.name} has no convolution that fake quantisation is known for")
    ranges: dict[str, tuple[float, float] | None] = {**_ranges(network, convolutions, tiles)}
    # What only moves to the output has the output's range in the files.
    ranges[_moved_to_output(network).name] = None

    def cloned(layer: Any) -> Any:
        return _rounded(layer, ranges[layer.name]) if layer in convolutions else layer

    aware = clone_model(network, clone_function=cloned)
    for layer in convolutions:
        aware.get_layer(layer.name).set_weights(layer.get_weights())
    return aware


def _convolutions(network: Any) -> list[Any]:
    from tf_keras import layers

    return [layer for layer in network.layers if type(layer) is layers.Conv2D]


def _ranges(network: Any, watched: list[Any], tiles: U8Array) -> dict[str, tuple[float, float]]:
    """Least and greatest output of each layer; 0 is always among them, as in the files."""
    from tf_keras import Model

    watching = Model(network.inputs, [layer.output for layer in watched])
    lows, highs = np.zeros(len(watched)), np.zeros(len(watched))
    for at in range(0, len(tiles), _CALIBRATION_BATCH):
        images = tiles[at : at + _CALIBRATION_BATCH].astype(np.float32) / 255
        outputs = watching(images, training=False)
        maps = outputs if isinstance(outputs, list) else [outputs]
        lows = np.minimum(lows, [float(one.numpy().min()) for one in maps])
        highs = np.maximum(highs, [float(one.numpy().max()) for one in maps])
    # A map that is 0 everywhere has no range; any will do.
    return {
        layer.name: (float(low), float(high) if high > low else 1.0)
        for layer, low, high in zip(watched, lows, highs, strict=True)
    }


def _moved_to_output(network: Any) -> Any:
    """The last layer but for those that move values."""
    from tf_keras import layers

    layer = network.output.node.layer
    while isinstance(layer, layers.Lambda):
        layer = layer.input.node.layer
    return layer


def _rounded(layer: Any, ends: tuple[float, float] | None) -> Any:
    import tensorflow as tf
    from tf_keras import layers

    class RoundedConv2D(layers.Conv2D):  # type: ignore[misc]
        """A convolution as INT8 computes it, but for its bias."""

        def call(self, x: Any) -> Any:
            made = self.convolution_op(x, _rounded_kernel(self.kernel))
            if self.use_bias:
                made = made + self.bias
            if self.activation is not None:
                made = self.activation(made)
            if ends is not None:
                made = tf.quantization.fake_quant_with_min_max_args(made, *ends)
            return made

    # Its weights are set afterwards, and an initialiser of its own is no word of Keras.
    return RoundedConv2D.from_config(layer.get_config() | {"kernel_initializer": "zeros"})


def _rounded_kernel(kernel: Any) -> Any:
    """To 255 values of each output channel, symmetric as TFLite's and ONNX's."""
    import tensorflow as tf

    most = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=(0, 1, 2)))
    most = tf.maximum(most, 1e-6)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        kernel, -most, most, narrow_range=True
    )


def _make_step(aware: Any, output: str, optimiser: Any, loss_name: str) -> Any:
    import tensorflow as tf

    variables = aware.trainable_variables
    loss_of = loss_function(loss_name)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(low: Any, high: Any) -> Any:
        with tf.GradientTape() as tape:
            image = tf.cast(low, tf.float32) / 255
            made = as_grey_levels(aware(image, training=True), LEAST_LEVEL[output])
            if output == RESIDUAL:
                # Cut off at black and white, where nothing is left to gain.
                made = tf.clip_by_value(made + opencv_bicubic(image), 0.0, 1.0)
            loss = loss_of(made - tf.cast(high, tf.float32) / 255)
        gradients = tape.gradient(loss, variables)
        optimiser.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return step
