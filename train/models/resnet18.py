"""ResNet-18 (He 2016, arXiv:1512.03385, table 1), from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import cam_head
from train.models.units import unit

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS = (64, 128, 256, 512)
STRIDES = (1, 2, 2, 2)
BLOCKS = 2
# A cell of 96 px or less would reach the last stage as 3 x 3: the stem then halves once, not twice.
SMALL_PX = 96


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`.

    `spec.widths` and `spec.strides` replace those of the four stages.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    if size_px <= SMALL_PX:
        x = unit(inputs, 64, 3, "stem", stride=2)
    else:
        x = unit(inputs, 64, 7, "stem", stride=2)
        x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    stages = zip(spec.widths or WIDTHS, spec.strides or STRIDES, strict=True)
    for stage, (width, stride) in enumerate(stages):
        for block in range(BLOCKS):
            x = _block(x, width, 1 if block else stride, f"stage{stage}_block{block}")
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="resnet18")


def _block(x: Any, width: int, stride: int, name: str) -> Any:
    from tf_keras import layers

    y = unit(x, width, 3, f"{name}_a", stride=stride)
    y = unit(y, width, 3, f"{name}_b", activation=None)
    if stride > 1 or x.shape[-1] != width:
        x = unit(x, width, 1, f"{name}_shortcut", stride=stride, activation=None)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, y]))
