"""A plain enhancer made for INT8: few 3x3 convolutions on stacked pixels, and an exact anchor.

Squares of 2x2 pixels are stacked into channels first and squares of 4x4 are unstacked last: INT8
kernels take channels by sixteens, and at a quarter of the places everything between costs a
quarter. What the convolutions make is added to the picture itself, each pixel four times (anchor
of Du 2021, arXiv:2105.09750), a 1x1 convolution of zeros and ones that INT8 computes exactly.

While it is fitted each 3x3 is two linear convolutions, wide in between, and a skip (collapsible
blocks of SESR, Bhardwaj 2021, arXiv:2103.09404); `deployed` gives the plain network they come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ConfigError
from train.models.superres import image_input, to_pixels

if TYPE_CHECKING:
    from edge.contract.types import F32Array
    from train.superres.recipe import EnhancerSpec

STACK = 2
_STACKED, _UNSTACKED = 3 * STACK**2, 3 * (2 * STACK) ** 2


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network as it is fitted: `spec.blocks` convolutions of `spec.width`, each `hidden` wide.

    Raises:
        ConfigError: no convolution at all.
    """
    return _build(size_px, spec, lambda x, name: _collapsible(x, spec, name), "plain_superres")


def deployed(model: Any, spec: EnhancerSpec, size_px: int | None = None) -> Any:
    """The same function with one plain convolution for each collapsible one."""

    def plain(x: Any, name: str) -> Any:
        from tf_keras import layers

        made = layers.Conv2D(spec.width, 3, padding="same", activation="relu", name=name)
        x = made(x)
        made.set_weights(model.get_layer(name).collapsed())
        return x

    found = _build(size_px, spec, plain, "plain_superres_deployed")
    found.get_layer("head").set_weights(model.get_layer("head").get_weights())
    return found


def _build(size_px: int | None, spec: EnhancerSpec, convolution: Any, name: str) -> Any:
    from tf_keras import Model, layers

    if spec.blocks < 1:
        raise ConfigError(f"model.blocks is {spec.blocks}; plain_superres has at least 1")
    image = image_input(size_px)
    stacked = layers.Lambda(_space_to_depth, name="stacked")(image)
    x = stacked
    for index in range(spec.blocks):
        x = convolution(x, f"trunk{index}")
    # Small at first, so that the fit starts at the anchor.
    residual = layers.Conv2D(_UNSTACKED, 1, kernel_initializer=_small(), name="head")(x)
    anchor = layers.Conv2D(
        _UNSTACKED, 1, use_bias=False, kernel_initializer=_anchor, trainable=False, name="anchor"
    )(stacked)
    return Model(image, to_pixels(layers.Add()([residual, anchor]), 2 * STACK), name=name)


def _small() -> Any:
    from tf_keras.initializers import RandomNormal

    return RandomNormal(stddev=0.01)


def _anchor(shape: Any, dtype: Any = None) -> Any:
    """(1,1,12,48): every pixel of a square of 2x2 to four of 4x4."""
    import tensorflow as tf

    kernel = np.zeros(tuple(shape), np.float32)
    side = 2 * STACK
    for row in range(side):
        for column in range(side):
            for channel in range(3):
                source = (row // 2 * STACK + column // 2) * 3 + channel
                kernel[0, 0, source, (row * side + column) * 3 + channel] = 1
    return tf.constant(kernel, dtype)


def _space_to_depth(image: Any) -> Any:
    import tensorflow as tf

    return tf.nn.space_to_depth(image, STACK)


def _collapsible(x: Any, spec: EnhancerSpec, name: str) -> Any:
    from tf_keras import layers

    class Collapsible(layers.Layer):  # type: ignore[misc]
        """3x3 to `hidden`, 1x1 to `width`, a skip where the widths agree; then ReLU."""

        def build(self, shape: Any) -> None:
            entry = int(shape[-1])
            self.wide = self.add_weight("wide", (3, 3, entry, spec.hidden), initializer="he_normal")
            self.narrow = self.add_weight(
                "narrow", (spec.hidden, spec.width), initializer="glorot_normal"
            )
            self.bias = self.add_weight("bias", (spec.width,), initializer="zeros")
            skip = np.zeros((3, 3, entry, spec.width), np.float32)
            for channel in range(min(entry, spec.width)):
                skip[1, 1, channel, channel] = 1
            self.skip = skip

        def kernel(self) -> Any:
            import tensorflow as tf

            # Collapsed before the pass: linear in between, so it is the same and costs less.
            return tf.einsum("hwic,co->hwio", self.wide, self.narrow) + self.skip

        def call(self, entry: Any) -> Any:
            import tensorflow as tf

            made = tf.nn.conv2d(entry, self.kernel(), 1, "SAME")
            return tf.nn.relu(made + self.bias)

        def collapsed(self) -> list[F32Array]:
            return [self.kernel().numpy(), self.bias.numpy()]

    return Collapsible(name=name)(x)
