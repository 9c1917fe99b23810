"""A plain enhancer made for INT8: few 3x3 convolutions on stacked pixels, a residual on bicubic.

Squares of 2x2 pixels are stacked into channels first and squares of 4x4 are unstacked last: INT8
kernels take channels by sixteens, and at a quarter of the places everything between costs a
quarter. What is made is added to OpenCV's bicubic enlargement, which a device computes exactly and
in a fifth of the time: the eight bits of the network are left for what bicubic lacks.

While it is fitted each 3x3 is two linear convolutions, wide in between, and a skip (collapsible
blocks of SESR, Bhardwaj 2021, arXiv:2103.09404); `deployed` gives the plain network they come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ConfigError
from train.models.superres import beside_bicubic, image_input, to_pixels

if TYPE_CHECKING:
    from edge.contract.types import F32Array
    from train.superres.recipe import EnhancerSpec

STACK = 2


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network as it is fitted: `spec.blocks` convolutions of `spec.width`, each `hidden` wide.

    Raises:
        ConfigError: no convolution at all.
    """
    from tf_keras import Model

    image = image_input(size_px)
    residual = _residual(image, spec, lambda x, name: _collapsible(x, spec, name))
    return Model(image, beside_bicubic(image, residual, opencv=True), name="plain_superres")


def deployed(model: Any, spec: EnhancerSpec, size_px: int | None = None) -> Any:
    """The residual alone, with one plain convolution for each collapsible one."""
    from tf_keras import Model, layers

    def plain(x: Any, name: str) -> Any:
        made = layers.Conv2D(spec.width, 3, padding="same", activation="relu", name=name)
        x = made(x)
        made.set_weights(model.get_layer(name).collapsed())
        return x

    image = image_input(size_px)
    found = Model(image, _residual(image, spec, plain), name="plain_superres_deployed")
    found.get_layer("head").set_weights(model.get_layer("head").get_weights())
    return found


def _residual(image: Any, spec: EnhancerSpec, convolution: Any) -> Any:
    from tf_keras import initializers, layers

    if spec.blocks < 1:
        raise ConfigError(f"model.blocks is {spec.blocks}; plain_superres has at least 1")
    x = layers.Lambda(_space_to_depth, name="stacked")(image)
    for index in range(spec.blocks):
        x = convolution(x, f"trunk{index}")
    # Small at first, so that the fit starts at bicubic.
    small = initializers.RandomNormal(stddev=0.01)
    head = layers.Conv2D(3 * (2 * STACK) ** 2, 1, kernel_initializer=small, name="head")
    return to_pixels(head(x), 2 * STACK)


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
