"""ShuffleNet V2 x1.0 (Ma 2018, arXiv:1807.11164, table 5), from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import cam_head
from train.models.units import normalised, unit

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

# Output channels and blocks of stages 2 to 4; then a 1x1 convolution.
STAGES = ((116, 4), (232, 8), (464, 4))
TOP_WIDTH = 1024


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`."""
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    x = unit(inputs, 24, 3, "stem", stride=2)
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, (width, blocks) in enumerate(STAGES):
        x = _down(x, width // 2, f"stage{stage}_block0")
        for block in range(1, blocks):
            x = _keep(x, width // 2, f"stage{stage}_block{block}")
    x = unit(x, TOP_WIDTH, 1, "top")
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="shufflenet_v2")


def _keep(x: Any, half: int, name: str) -> Any:
    """Figure 3c: one half of the channels passes, the other is convolved."""
    passed, worked = x[..., :half], x[..., half:]
    return _shuffled(passed, _branch(worked, half, 1, name), name)


def _down(x: Any, half: int, name: str) -> Any:
    """Figure 3d: both branches see all channels and halve the map."""
    other = _depthwise(x, 2, f"{name}_other_depthwise")
    other = unit(other, half, 1, f"{name}_other")
    return _shuffled(other, _branch(x, half, 2, name), name)


def _branch(x: Any, width: int, stride: int, name: str) -> Any:
    x = unit(x, width, 1, f"{name}_in")
    return unit(_depthwise(x, stride, f"{name}_depthwise"), width, 1, f"{name}_out")


def _depthwise(x: Any, stride: int, name: str) -> Any:
    from tf_keras import layers

    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=name)(x)
    return normalised(x, f"{name}_bn")


def _shuffled(first: Any, second: Any, name: str) -> Any:
    """(N,h,w,C) twice to (N,h,w,2C), channels alternating, so that halves mix in the next block."""
    from tf_keras import layers

    height, width, channels = first.shape[1:]
    x = layers.Concatenate(name=f"{name}_join")([first, second])
    x = layers.Reshape((height, width, 2, channels), name=f"{name}_halves")(x)
    x = layers.Permute((1, 2, 4, 3), name=f"{name}_shuffle")(x)
    return layers.Reshape((height, width, 2 * channels), name=f"{name}_channels")(x)
