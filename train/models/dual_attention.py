"""Two branches of factorised Inception blocks with attention, and one head over both (source B).

The source names the parts, not their sizes. Here one branch factorises 3x3 (1x3 then 3x1) and sees
detail, the other 7x7 (1x7 then 7x1; Szegedy 2016, arXiv:1512.00567) and sees shape. Each block is
residual (arXiv:1512.03385) with squeeze-and-excitation (Hu 2018, arXiv:1709.01507) and spatial
attention (Woo 2018, arXiv:1807.06521).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import cam_head
from train.models.units import unit

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

KERNELS = (3, 7)
WIDTHS = (64, 128, 256)
BLOCKS = 2
SQUEEZE = 8


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`."""
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    both = [_branch(inputs, kernel, f"branch{kernel}") for kernel in KERNELS]
    x = layers.Concatenate(name="head_join")(both)
    x = unit(x, WIDTHS[-1], 1, "head_fuse")
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="dual_attention")


def _branch(x: Any, kernel: int, name: str) -> Any:
    from tf_keras import layers

    x = unit(x, WIDTHS[0] // 2, 3, f"{name}_stem", stride=2)
    for stage, width in enumerate(WIDTHS):
        x = layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool{stage}")(x)
        for block in range(BLOCKS):
            x = _block(x, kernel, width, f"{name}_stage{stage}_block{block}")
    return x


def _block(x: Any, kernel: int, width: int, name: str) -> Any:
    from tf_keras import layers

    y = _inception(x, kernel, width, name)
    y = _spatial_attention(_squeeze_excitation(y, f"{name}_se"), f"{name}_spatial")
    if x.shape[-1] != width:
        x = unit(x, width, 1, f"{name}_shortcut", activation=None)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, y]))


def _inception(x: Any, kernel: int, width: int, name: str) -> Any:
    """1x1; 1xk and kx1; pooled 1x1: joined and mixed by a 1x1 without activation."""
    from tf_keras import layers

    half, quarter = width // 2, width // 4
    point = unit(x, quarter, 1, f"{name}_point")
    wide = unit(x, half, 1, f"{name}_reduce")
    wide = unit(wide, half, (1, kernel), f"{name}_row")
    wide = unit(wide, half, (kernel, 1), f"{name}_column")
    pooled = layers.AveragePooling2D(3, 1, padding="same", name=f"{name}_average")(x)
    pooled = unit(pooled, quarter, 1, f"{name}_pooled")
    joined = layers.Concatenate(name=f"{name}_join")([point, wide, pooled])
    return unit(joined, width, 1, f"{name}_mix", activation=None)


def _squeeze_excitation(x: Any, name: str) -> Any:
    """Weighs channels by what the whole map holds."""
    from tf_keras import layers

    channels = x.shape[-1]
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    y = layers.Conv2D(channels // SQUEEZE, 1, activation="relu", name=f"{name}_reduce")(y)
    y = layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_expand")(y)
    return layers.Multiply(name=f"{name}_scale")([x, y])


def _spatial_attention(x: Any, name: str) -> Any:
    """Weighs places by the mean and the maximum over channels, seen through 7x7."""
    import tensorflow as tf
    from tf_keras import layers

    mean, most = tf.reduce_mean(x, -1, keepdims=True), tf.reduce_max(x, -1, keepdims=True)
    y = layers.Concatenate(name=f"{name}_maps")([mean, most])
    y = layers.Conv2D(1, 7, padding="same", activation="sigmoid", name=f"{name}_weight")(y)
    return layers.Multiply(name=f"{name}_scale")([x, y])
