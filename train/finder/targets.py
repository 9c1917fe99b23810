"""What the network should say of a view, and where it is not asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.cell_grid import SIDE_UNIT, GridSettings
from edge.contract.types import BoolArray, F32Array
from train.finder.views import View

# Standard deviation of a middle's bump, in sides of its box; places within teach the reach.
_BUMP = 0.13
_TEACHES_REACH = 0.45
# Cells in the view's outer half diameter often carry no box; what has one is asked for.
_RIM_DIAMETERS = 0.5
_ASKED_NEAR_MIDDLE = 0.3
_UNKNOWN_MARGIN_PX = 4


@dataclass(frozen=True, eq=False)
class Targets:
    """Float32, all (h,w) but for `reach`.

    Attributes:
        middle: 1 at a cell's middle, falling off around it.
        asked: weight of each place for the middles, 0 where nothing is asked.
        reach: (h,w,4) from the place to the left, top, right and bottom of its cell, in
            SIDE_UNIT cell diameters.
        taught: weight of each place for the reach.
    """

    middle: F32Array
    asked: F32Array
    reach: F32Array
    taught: F32Array

    def parts(self) -> tuple[F32Array, F32Array, F32Array, F32Array]:
        """In the order in which the loss takes them."""
        return self.middle, self.asked, self.reach, self.taught


def make_targets(view: View, grid: GridSettings, infected_weight: float = 1.0) -> Targets:
    """The targets of a view whose sides are multiples of the stride.

    Args:
        infected_weight: of the places about the middle of an infected cell; others have 1.
    """
    height, width = (side // grid.stride_px for side in view.image.shape[:2])
    at = (np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + 0.5) * grid.stride_px
    middle, taught = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    reach = np.zeros((height, width, 4), np.float32)
    asked, weights = _asked(at, view), np.ones((height, width), np.float32)
    for box, weight in zip(view.boxes, np.where(view.infected, infected_weight, 1.0), strict=True):
        rows, columns = (_span(box[[i, i + 2]], grid, n) for i, n in ((1, height), (0, width)))
        here = (rows, columns)
        if at[here].size == 0 or not _is_within((box[:2] + box[2:]) / 2, view.inside):
            continue
        bump = _bump(at[here], box, grid.stride_px)
        nearer = (bump > _TEACHES_REACH) & (bump > taught[here])
        sides = np.concatenate([at[here] - box[:2], box[2:] - at[here]], axis=-1)
        reach[here] = np.where(nearer[..., None], sides / (SIDE_UNIT * grid.cell_px), reach[here])
        taught[here] = np.where(nearer, bump, taught[here])
        weights[here] = np.where(nearer, weight, weights[here])
        middle[here] = np.maximum(middle[here], bump)
        asked[here] = np.where(bump > _ASKED_NEAR_MIDDLE, 1, asked[here])
    return Targets(middle, asked * weights, reach, taught * weights)


def _asked(at: np.ndarray, view: View) -> F32Array:
    left, top, right, bottom = view.inside
    rim = _RIM_DIAMETERS * view.cell_px
    asked = _in_box(at, np.array([left + rim, top + rim, right - rim, bottom - rim]))
    for box in view.unknown:
        asked &= ~_in_box(at, box + _UNKNOWN_MARGIN_PX * np.array([-1, -1, 1, 1]))
    return asked.astype(np.float32)


def _in_box(at: np.ndarray, box: np.ndarray) -> BoolArray:
    return np.asarray(((at >= box[:2]) & (at <= box[2:])).all(axis=-1))


def _is_within(point: np.ndarray, inside: tuple[float, float, float, float]) -> bool:
    return inside[0] <= point[0] <= inside[2] and inside[1] <= point[1] <= inside[3]


def _span(ends: np.ndarray, grid: GridSettings, count: int) -> slice:
    """Places of the grid from one end to the other."""
    first, last = (ends // grid.stride_px).astype(int).tolist()
    return slice(max(0, first), max(0, min(count, last + 1)))


def _bump(at: np.ndarray, box: F32Array, stride_px: int) -> F32Array:
    """1 at the place nearest to the middle of the box, a Gaussian of the distance elsewhere."""
    sigma = np.maximum((box[2:] - box[:2]) * _BUMP, stride_px / 2)
    away = (at - (box[:2] + box[2:]) / 2) / sigma
    bump = np.asarray(np.exp(-(away**2).sum(axis=-1) / 2), np.float32)
    bump.flat[bump.argmax()] = 1.0
    return bump
