"""A grid of logits and reaches becomes boxes: each cell once, the surest first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.cell_grid import CHANNELS, SIDE_UNIT, GridCells, GridSettings, read_grid
from edge.contract.errors import ManifestError
from edge.contract.types import F32Array

SETTINGS = GridSettings(cell_px=24, stride_px=4, least_score=0.4)
SIDES = (36, 48)
NOTHING = -8.0


def empty_grid() -> F32Array:
    grid = np.full((*SIDES, CHANNELS), 2.0, np.float32)
    grid[..., 0] = NOTHING
    return grid


def put(grid: F32Array, box: tuple[float, ...], logit: float = 4.0) -> None:
    """Says at the place nearest to a box's middle that a cell is there, and how far it reaches."""
    left, top, right, bottom = box
    stride = SETTINGS.stride_px
    column, row = int((left + right) / 2 / stride), int((top + bottom) / 2 / stride)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    reach = np.array([x - left, y - top, right - x, bottom - y])
    grid[row, column] = [logit, *(reach / (SIDE_UNIT * SETTINGS.cell_px))]


def read(*boxes: tuple[float, ...], **changes: float) -> GridCells:
    grid = empty_grid()
    for box in boxes:
        put(grid, box, **changes)
    return read_grid(grid, SETTINGS)


def test_one_cell_comes_back_with_its_score() -> None:
    found = read((40, 60, 65, 82), logit=0.0)
    assert found.boxes.tolist() == [[40, 60, 65, 82]]
    assert found.scores.tolist() == [0.5]
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.diameter_px() == 23.5


def test_two_cells_that_lie_on_each_other_are_two() -> None:
    near = [(40.0, 60.0, 64.0, 84.0), (52.0, 60.0, 76.0, 84.0)]
    assert sorted(map(tuple, read(*near).boxes.tolist())) == near


def test_two_middles_of_one_cell_are_one() -> None:
    grid = empty_grid()
    put(grid, (40, 60, 64, 84), 4.0)
    put(grid, (48, 60, 72, 84), 3.0)
    found = read_grid(grid, SETTINGS)
    # Half of the first is beside the second: its overlap is .5 of what both cover.
    assert found.boxes.tolist() == [[40, 60, 64, 84], [48, 60, 72, 84]]
    put(grid, (48, 60, 72, 84), NOTHING)
    put(grid, (46, 60, 70, 84), 3.0)
    found = read_grid(grid, SETTINGS)
    assert found.boxes.tolist() == [[40, 60, 64, 84]]
    assert found.scores == pytest.approx([1 / (1 + np.exp(-4))])


def test_neighbouring_places_alike_are_one_cell() -> None:
    grid = empty_grid()
    grid[10, 10:12, 0] = 3.0
    assert len(read_grid(grid, SETTINGS).boxes) == 1


def test_the_surest_come_first() -> None:
    grid = empty_grid()
    for index, logit in enumerate((1.0, 3.0, 2.0)):
        put(grid, (10 + 40 * index, 60, 34 + 40 * index, 84), logit)
    found = read_grid(grid, SETTINGS)
    assert found.boxes[:, 0].tolist() == [50, 90, 10]
    assert sorted(found.scores, reverse=True) == found.scores.tolist()


def test_cells_below_the_score_are_left_out() -> None:
    at = float(np.log(0.4 / 0.6))
    assert len(read((40, 60, 64, 84), logit=at + 1e-4).boxes) == 1
    assert len(read((40, 60, 64, 84), logit=at - 1e-4).boxes) == 0


def test_cells_that_the_frame_cuts_reach_beyond_it() -> None:
    found = read((-10, -9, 14, 15), (170, 130, 196, 152))
    assert sorted(found.boxes.tolist()) == [[-10, -9, 14, 15], [170, 130, 196, 152]]


def test_empty_grid_has_no_cell_and_no_diameter() -> None:
    found = read_grid(empty_grid(), SETTINGS)
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,)
    assert found.diameter_px() is None


def test_grid_of_one_place_is_read() -> None:
    grid = np.array([[[3.0, 2, 2, 2, 2]]], np.float32)
    assert read_grid(grid, SETTINGS).boxes.tolist() == [[-10, -10, 14, 14]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell_px": 7}, "cell_px is 7; 8 to 64"),
        ({"cell_px": 65}, "cell_px is 65; 8 to 64"),
        ({"stride_px": 0}, "stride_px is 0; 1 to 12"),
        ({"stride_px": 13}, "stride_px is 13; 1 to 12"),
        ({"least_score": 0.0}, r"least_score is 0\.0; between 0 and 1"),
        ({"least_score": 1.0}, r"least_score is 1\.0; between 0 and 1"),
        ({"most_overlap": 0.0}, r"most_overlap is 0\.0; between 0 and 1"),
        ({"most_overlap": 1.0}, r"most_overlap is 1\.0; between 0 and 1"),
        ({"least_score": float("nan")}, "least_score is nan"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    content: dict[str, Any] = {"cell_px": 24, "stride_px": 4, "least_score": 0.4}
    with pytest.raises(ManifestError, match=rf"finder\.grid\.{message}"):
        GridSettings(**content | changes)


@st.composite
def apart(draw: st.DrawFn) -> list[tuple[float, ...]]:
    """Boxes of all sizes, none on another's place."""
    side = st.floats(10, 30)
    boxes = []
    for row in range(4):
        for column in range(5):
            if draw(st.booleans()):
                x = 16 + 32 * column + draw(st.floats(-5, 5))
                y = 16 + 32 * row + draw(st.floats(-5, 5))
                width, height = draw(side), draw(side)
                boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    return boxes


@given(boxes=apart())
@settings(deadline=None, max_examples=50)
def test_boxes_of_a_perfect_grid_come_back(boxes: list[tuple[float, ...]]) -> None:
    found = read(*boxes)
    assert len(found.boxes) == len(boxes)
    off = np.abs(np.array(boxes).reshape(-1, 1, 4) - found.boxes).max(axis=2)
    assert not boxes or off.min(axis=1).max() < 1e-3
