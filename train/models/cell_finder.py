"""A small fully convolutional finder: middles of cells and how far each reaches (after CenterNet,
Zhou 2019, arXiv:1904.07850, with the box as four distances as in FCOS, Tian 2019).

Convolutions work at a quarter of the input's size, where a cell is some five places wide and INT8
kernels have enough channels; the answer is unstacked to the grid's stride, so that the middles of
overlapping cells stay apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.cell_grid import CHANNELS, GridSettings
from edge.contract.errors import ConfigError
from train.models.units import unit

if TYPE_CHECKING:
    from train.finder.recipe import FinderSpec

# The convolutions' own stride; sides of the input must be multiples of it.
STRIDE_PX = 4
# Few places are middles: the network starts with saying so. A typical reach is half a diameter.
_FIRST_LOGIT, _FIRST_REACH = -3.0, 2.0


def build_finder(
    spec: FinderSpec, grid: GridSettings, size_px: tuple[int | None, int | None] = (None, None)
) -> Any:
    """(N,H,W,3) float in 0 to 1, any multiples of STRIDE_PX, to (N,H/s,W/s,CHANNELS).

    Args:
        size_px: height and width where they are fixed.

    Raises:
        ConfigError: the grid's stride does not divide STRIDE_PX.
    """
    import tensorflow as tf
    from tf_keras import Model, layers

    if STRIDE_PX % grid.stride_px:
        raise ConfigError(f"grid.stride_px is {grid.stride_px}; 1, 2 or {STRIDE_PX}")
    image = layers.Input((*size_px, 3), name="image")
    x = unit(image, spec.stem, 5, "stem", stride=2)
    x = unit(x, spec.width, 3, "halve", stride=2)
    for index, dilation in enumerate(spec.dilations):
        x = unit(x, spec.width, 3, f"look{index}", dilation=dilation)
    times = STRIDE_PX // grid.stride_px
    first = ([_FIRST_LOGIT] + [_FIRST_REACH] * (CHANNELS - 1)) * times**2
    head = layers.Conv2D(CHANNELS * times**2, 1, name="head")
    x = head(x)
    head.bias.assign(first)
    if times > 1:
        x = layers.Lambda(lambda y: tf.nn.depth_to_space(y, times), name="grid")(x)
    return Model(image, x, name="cell_finder")
