"""RCAN: residual groups of channel-attention blocks (Zhang 2018, arXiv:1807.02758).

Shallow features; groups of blocks, each group and the whole of them with a skip round it; sub-pixel
upsampling. The paper has 10 groups of 20 blocks, 64 channels. What the groups make is added to the
bicubic enlargement, which the paper lets the network learn in a thousand epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from train.models.superres import beside_bicubic, conv, image_input, to_pixels

if TYPE_CHECKING:
    from train.superres.recipe import EnhancerSpec


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network; `spec.groups`, `blocks`, `width` and `reduction` give its size.

    Raises:
        ConfigError: more reduction than channels.
    """
    from tf_keras import Model, layers

    if spec.width < spec.reduction:
        raise ConfigError(
            f"model.reduction is {spec.reduction}, more than the {spec.width} channels of width"
        )
    image = image_input(size_px)
    shallow = conv(image, spec.width)
    x = shallow
    for _ in range(spec.groups):
        x = _group(x, spec)
    deep = layers.Add()([conv(x, spec.width), shallow])
    finer = to_pixels(conv(deep, 4 * spec.width))
    return Model(image, beside_bicubic(image, conv(finer, 3)), name="rcan")


def _group(entry: Any, spec: EnhancerSpec) -> Any:
    from tf_keras import layers

    x = entry
    for _ in range(spec.blocks):
        x = _block(x, spec)
    return layers.Add()([conv(x, spec.width), entry])


def _block(entry: Any, spec: EnhancerSpec) -> Any:
    from tf_keras import layers

    x = conv(conv(entry, spec.width, activation="relu"), spec.width)
    mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = conv(mean, spec.width // spec.reduction, 1, "relu")
    attention = conv(squeezed, spec.width, 1, "sigmoid")
    return layers.Add()([layers.Multiply()([x, attention]), entry])
