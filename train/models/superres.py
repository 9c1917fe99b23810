"""Networks that enlarge a picture twofold: what they share, and building one by name.

Every network takes (N,h,w,3) float32 RGB in [0,1] and gives (N,2h,2w,3) in the same range, not
clipped. Any side that `STEP_PX` divides will do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ConfigError

if TYPE_CHECKING:
    from edge.contract.types import F32Array
    from train.superres.recipe import EnhancerSpec

FACTOR = 2
# Of the networks that stack pixels or attend in windows, the largest step.
STEP_PX = 8
ENHANCERS = {
    "espcn": "train.models.espcn",
    "fsrcnn": "train.models.fsrcnn",
    "plain_superres": "train.models.plain_superres",
    "rcan": "train.models.rcan",
    "swinir": "train.models.swinir",
}


def build_enhancer(spec: EnhancerSpec, size_px: int | None = None) -> Any:
    """The Keras model of a recipe, random weights.

    Args:
        size_px: side of the input, where it is to be fixed; None takes any.

    Raises:
        ConfigError: no such network, or settings that it cannot be built with.
    """
    if spec.name not in ENHANCERS:
        raise ConfigError(f"model.name is {spec.name!r}; known: {', '.join(sorted(ENHANCERS))}")
    return import_module(ENHANCERS[spec.name]).build(size_px, spec)


def image_input(size_px: int | None) -> Any:
    """The input `image`, (N,size,size,3)."""
    from tf_keras import layers

    return layers.Input((size_px, size_px, 3), name="image")


def conv(x: Any, width: int, side: int = 3, activation: str | None = None) -> Any:
    """A convolution that keeps the size."""
    from tf_keras import layers

    return layers.Conv2D(width, side, padding="same", activation=activation)(x)


def to_pixels(x: Any, factor: int = FACTOR) -> Any:
    """Sub-pixel upsampling (Shi 2016, arXiv:1609.05158): channels to squares of pixels."""
    from tf_keras import layers

    return layers.Lambda(_depth_to_space, arguments={"factor": factor}, name="pixels")(x)


def beside_bicubic(image: Any, residual: Any, *, opencv: bool = False) -> Any:
    """The residual on the bicubic enlargement, so that a short fit need not learn the identity.

    Args:
        opencv: as OpenCV enlarges, pixel for pixel, so that a device may do it outside the network.
    """
    from tf_keras import layers

    base = layers.Lambda(opencv_bicubic if opencv else _bicubic, name="bicubic")(image)
    return layers.Add(name="enlarged")([base, residual])


def _depth_to_space(x: Any, factor: int) -> Any:
    import tensorflow as tf

    return tf.nn.depth_to_space(x, factor)


def _bicubic(image: Any) -> Any:
    import tensorflow as tf

    return tf.image.resize(image, FACTOR * tf.shape(image)[1:3], "bicubic")


def opencv_bicubic(image: Any) -> Any:
    """INTER_CUBIC, edges continued."""
    import tensorflow as tf

    one = [[0, 0], [1, 1], [1, 1], [0, 0]]
    # SYMMETRIC by one pixel repeats the edge, as OpenCV does; twice by one, the edge twice.
    padded = tf.pad(tf.pad(image, one, "SYMMETRIC"), one, "SYMMETRIC")
    kernel = tf.constant(_kernel(), image.dtype)
    made = tf.nn.depthwise_conv2d(padded, kernel, (1, 1, 1, 1), "VALID")
    shape = tf.shape(made)
    # (N,h,w,3*4), channel by channel, to four places of three channels.
    parts = tf.reshape(made, (shape[0], shape[1], shape[2], 3, FACTOR**2))
    places = tf.reshape(tf.transpose(parts, (0, 1, 2, 4, 3)), (shape[0], shape[1], shape[2], 12))
    return tf.nn.depth_to_space(places, FACTOR)


def _kernel() -> F32Array:
    """(5,5,3,4) of the four places of a pixel, with Keys' a = -.75."""
    near, far = np.zeros((2, 5), np.float32)
    for tap in range(-2, 3):
        near[tap + 2], far[tap + 2] = _keys(tap + 0.25), _keys(tap - 0.25)
    places = [np.outer(rows, columns) for rows in (near, far) for columns in (near, far)]
    return np.repeat(np.stack(places, -1)[:, :, None], 3, axis=2)


def _keys(distance: float, a: float = -0.75) -> float:
    """The cubic kernel (Keys 1981); OpenCV has a = -.75."""
    x = abs(distance)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
