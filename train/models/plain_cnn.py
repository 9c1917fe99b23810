"""A plain student: 3x3 convolutions, batch norm, ReLU6, a class activation map, its mean.

No squeeze-and-excitation and no swish: both quantise badly (EfficientNet-B0's INT8 logits
correlate .716 with float).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from train.models.heads import cam_head

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`.

    `spec.widths` and `spec.strides` give the channels and stride of each convolution. `spec.patch`
    stacks squares of pixels into channels before the first: INT8 kernels of small processors take
    channels by eights or sixteens, and three leave most of them idle.

    Raises:
        ConfigError: the patch does not divide the side.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    x = features(inputs, size_px, spec)
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="plain_cnn")


def features(x: Any, size_px: int, spec: ModelSpec) -> Any:
    """The convolutions, (N,size,size,3) to (N,h,w,C).

    Raises:
        ConfigError: the patch does not divide the side.
    """
    from tf_keras import layers

    if size_px % spec.patch:
        raise ConfigError(f"model.patch is {spec.patch}; it must divide the {size_px} px of a side")
    if spec.patch > 1:
        x = layers.Lambda(_stack, arguments={"patch": spec.patch}, name="patches")(x)
    for width, stride in zip(spec.widths, spec.strides, strict=True):
        x = convolution(x, width, stride)
    return x


def convolution(x: Any, width: int, stride: int) -> Any:
    """3x3, batch norm, ReLU6."""
    from tf_keras import layers

    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.ReLU(6.0)(x)


def _stack(image: Any, patch: int) -> Any:
    """(N,S,S,C) to (N,S/patch,S/patch,C*patch²)."""
    import tensorflow as tf

    return tf.nn.space_to_depth(image, patch)
