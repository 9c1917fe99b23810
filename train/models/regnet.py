"""RegNetX-400MF (Radosavovic 2020, arXiv:2003.13678, appendix), from scratch.

The X family has no squeeze-and-excitation, which quantises badly; 400MF is the size of the
sources' other networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import cam_head
from train.models.units import unit

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

STEM_WIDTH = 32
# Width and blocks of each stage; every stage halves the map. The bottleneck ratio is 1.
STAGES = ((32, 1), (64, 2), (160, 7), (384, 12))
GROUP_WIDTH = 16


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`."""
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    x = unit(inputs, STEM_WIDTH, 3, "stem", stride=2)
    for stage, (width, blocks) in enumerate(STAGES):
        for block in range(blocks):
            x = _block(x, width, 1 if block else 2, f"stage{stage}_block{block}")
    return Model(inputs, cam_head(x, n_outputs, spec.dropout), name="regnet")


def _block(x: Any, width: int, stride: int, name: str) -> Any:
    """1x1, 3x3 in groups of 16 channels, 1x1, and the shortcut."""
    from tf_keras import layers

    y = unit(x, width, 1, f"{name}_in")
    y = unit(y, width, 3, f"{name}_grouped", stride=stride, groups=width // GROUP_WIDTH)
    y = unit(y, width, 1, f"{name}_out", activation=None)
    if stride > 1 or x.shape[-1] != width:
        x = unit(x, width, 1, f"{name}_shortcut", stride=stride, activation=None)
    return layers.ReLU(name=f"{name}_sum")(layers.Add(name=f"{name}_add")([x, y]))
