"""Networks that enlarge a picture twofold: what they share, and building one by name.

Every network takes (N,h,w,3) float32 RGB in [0,1] and gives (N,2h,2w,3) in the same range, not
clipped. Any side that `STEP_PX` divides will do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError

if TYPE_CHECKING:
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


def beside_bicubic(image: Any, residual: Any) -> Any:
    """The residual on the bicubic enlargement, so that a short fit need not learn the identity."""
    from tf_keras import layers

    base = layers.Lambda(_bicubic, name="bicubic")(image)
    return layers.Add(name="enlarged")([base, residual])


def _depth_to_space(x: Any, factor: int) -> Any:
    import tensorflow as tf

    return tf.nn.depth_to_space(x, factor)


def _bicubic(image: Any) -> Any:
    import tensorflow as tf

    return tf.image.resize(image, FACTOR * tf.shape(image)[1:3], "bicubic")
