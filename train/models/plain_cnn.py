"""A plain student: 3x3 convolutions, batch norm, ReLU6, a class activation map, its mean.

No squeeze-and-excitation and no swish: both quantise badly (EfficientNet-B0's INT8 logits
correlate .716 with float).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import cam_head

if TYPE_CHECKING:
    from train.recipe import ModelSpec


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`.

    `spec.widths` and `spec.strides` give the channels and stride of each convolution.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    x = inputs
    for width, stride in zip(spec.widths, spec.strides, strict=True):
        x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.95)(x)
        x = layers.ReLU(6.0)(x)
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="plain_cnn")
