"""A plain student: 3x3 convolutions, batch norm, ReLU6, a class activation map, its mean.

No squeeze-and-excitation and no swish: both quantise badly (EfficientNet-B0's INT8 logits
correlate .716 with float). The class activation map (Zhou 2016, arXiv:1512.04150) comes before the
pooling, so one pass gives both, and the logit is exactly the map's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ARCHITECTURE = "plain_cnn"


def build(size_px: int, widths: Sequence[int], strides: Sequence[int]) -> Any:
    """The network.

    Args:
        size_px: side of the input, (N,size,size,3) float32 [0,1] RGB.
        widths: channels of each convolution.
        strides: stride of each convolution, 1 or 2.

    Returns:
        A Keras model with outputs `logit` (N,1) of the positive label and `cam` (N,h,w,1).
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    x = inputs
    for width, stride in zip(widths, strides, strict=True):
        x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.95)(x)
        x = layers.ReLU(6.0)(x)
    cam = layers.Conv2D(1, 1, name="cam")(x)
    logit = layers.GlobalAveragePooling2D(name="logit")(cam)
    return Model(inputs, {"logit": logit, "cam": cam}, name=ARCHITECTURE)
