"""Boxes of a finder become objects of the frame: masks, white cells, platelets and debris."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.analysis.found_cells import objects_of
from edge.cameras.smear import DrawnField, SmearSettings, draw_field
from edge.contract.cell_grid import GridCells
from edge.contract.labels import NON_RBC
from edge.contract.types import CellBox, U8Array

GLASS, CELL, PURPLE = (235, 230, 238), (200, 140, 160), (95, 30, 120)
CELL_PX, FRAME_TIMES = 24, 3
SMEAR = SmearSettings(wbc_per_1000_rbc=0, platelets_per_field=0, debris_per_field=0)


def glass(height_px: int = 160, width_px: int = 208) -> U8Array:
    return np.full((height_px, width_px, 3), GLASS, np.uint8)


def disc(image: U8Array, x: int, y: int, radius_px: int = 11, colour: object = CELL) -> None:
    cv2.circle(image, (x, y), radius_px, colour, cv2.FILLED, cv2.LINE_AA)  # type: ignore[call-overload]


def box_at(x: float, y: float) -> tuple[float, ...]:
    half = CELL_PX / 2
    return x - half, y - half, x + half, y + half


def cells_at(*boxes: tuple[float, ...]) -> GridCells:
    scores = np.linspace(0.9, 0.5, len(boxes))
    return GridCells(np.array(boxes, np.float32).reshape(-1, 4), np.float32(scores))


def objects(image: U8Array, *boxes: tuple[float, ...]) -> tuple[CellBox, ...]:
    height, width = image.shape[:2]
    return objects_of(image, cells_at(*boxes), (height * FRAME_TIMES, width * FRAME_TIMES))


def row_of_cells() -> tuple[U8Array, list[tuple[float, ...]]]:
    """Six cells along the top; the rest of the field is free."""
    image, places = glass(), range(20, 200, 34)
    for x in places:
        disc(image, x, 30)
    return image, [box_at(x, 30) for x in places]


def kinds(found: tuple[CellBox, ...]) -> Counter[str]:
    return Counter(one.kind for one in found)


def test_boxes_and_scores_come_over_in_px_of_the_frame() -> None:
    image, boxes = row_of_cells()
    found = objects(image, *boxes)
    assert kinds(found) == {"rbc": 6}
    for one, box in zip(found, boxes, strict=True):
        # The box leaves a pixel of the view on each side of the disc.
        assert (one.left_px, one.top_px) == pytest.approx((box[0] * FRAME_TIMES, 54), abs=4)
        assert (one.width_px, one.height_px) == pytest.approx((70, 70), abs=4)
    assert [one.certainty for one in found] == pytest.approx(np.linspace(0.9, 0.5, 6).tolist())
    assert not any(one.at_border for one in found)


def test_mask_is_the_stained_part_of_the_ellipse() -> None:
    image, boxes = row_of_cells()
    first, *_ = objects(image, *boxes)
    assert first.mask.dtype == np.bool_
    assert first.mask.shape == (first.height_px, first.width_px)
    # The disc, not the box's ellipse of 24 px, and not what lies beside it.
    # It is cut closely: no rim of glass, a little less of the cell.
    assert first.mask.sum() == pytest.approx(np.pi * (11.2 * FRAME_TIMES) ** 2, rel=0.06)
    assert not first.mask[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_middle_belongs_to_the_cell_stained_or_not() -> None:
    image, boxes = row_of_cells()
    disc(image, 20, 30, 5, GLASS)
    pale, whole, *_ = objects(image, *boxes)
    assert pale.mask[pale.height_px // 2, pale.width_px // 2]
    assert pale.mask.sum() == pytest.approx(whole.mask.sum(), rel=0.02)


def test_neighbour_beside_the_ellipse_is_not_in_the_mask() -> None:
    image, boxes = row_of_cells()
    disc(image, 38, 46)
    first, *_ = objects(image, *boxes, box_at(38, 46))
    assert not first.mask[-1, -1] and not first.mask[-6, -6]


@pytest.mark.parametrize(("x", "y"), [(4, 80), (204, 80), (100, 3), (100, 157), (10, 80)])
def test_cells_at_the_edge_are_cut_and_marked(x: int, y: int) -> None:
    image, boxes = row_of_cells()
    disc(image, x, y)
    last = objects(image, *boxes, box_at(x, y))[-1]
    assert last.at_border
    assert last.left_px >= 0 and last.left_px + last.width_px <= 208 * FRAME_TIMES
    assert last.top_px >= 0 and last.top_px + last.height_px <= 160 * FRAME_TIMES
    assert last.mask.shape == (last.height_px, last.width_px)


def test_cell_whose_box_alone_reaches_the_edge_is_whole() -> None:
    image, boxes = row_of_cells()
    disc(image, 12, 80, 10)
    left, top, right, bottom = box_at(12, 80)
    last = objects(image, *boxes, (left - 3, top, right, bottom))[-1]
    assert last.left_px >= 0 and not last.at_border


def test_box_with_too_little_stain_is_no_cell() -> None:
    image, boxes = row_of_cells()
    disc(image, 160, 110, 4)
    empty, little = box_at(100, 110), box_at(160, 110)
    assert kinds(objects(image, *boxes, empty, little)) == {"rbc": 6, "debris": 1}


def test_boxes_outside_and_inside_out_are_no_cells() -> None:
    image, boxes = row_of_cells()
    odd = [box_at(-40, 80), box_at(300, 80), (60, 60, 40, 90), (60, 90, 80, 89.5)]
    assert kinds(objects(image, *boxes, *odd)) == {"rbc": 6}


def test_white_cell_takes_the_red_boxes_in_it() -> None:
    image, boxes = row_of_cells()
    disc(image, 140, 110)
    disc(image, 100, 110, 22, PURPLE)
    found = objects(image, *boxes, box_at(96, 106), box_at(108, 114), box_at(140, 110))
    assert kinds(found) == {"wbc": 1, "rbc": 7}
    white = found[0]
    assert white.kind == "wbc" and white.certainty == 1.0
    middle = (white.left_px + white.width_px / 2, white.top_px + white.height_px / 2)
    assert middle == pytest.approx((300, 330), abs=6)
    assert min(white.width_px, white.height_px) >= 44 * FRAME_TIMES
    # The one beside it stays.
    assert any(one.left_px == pytest.approx(128 * FRAME_TIMES, abs=4) for one in found)


def test_what_no_cell_explains_is_a_platelet_or_debris() -> None:
    image, boxes = row_of_cells()
    disc(image, 60, 110, 5, (150, 90, 170))
    disc(image, 120, 110, 6, (60, 60, 60))
    disc(image, 160, 110, 1, (60, 60, 60))
    found = objects(image, *boxes)
    rest = sorted(found[6:], key=lambda one: one.left_px)
    assert [one.kind for one in rest] == ["platelet", "debris"]
    for one, x in zip(rest, (60, 120), strict=True):
        assert one.left_px + one.width_px / 2 == pytest.approx(x * FRAME_TIMES + 1, abs=3)
        assert one.mask.shape == (one.height_px, one.width_px)
        assert one.mask.sum() > 0.6 * one.mask.size
        assert not one.at_border


def test_rim_that_a_box_leaves_over_is_no_object() -> None:
    image, boxes = row_of_cells()
    small = [
        (left + 1.5, top + 1.5, right - 1.5, bottom - 1.5) for left, top, right, bottom in boxes
    ]
    assert kinds(objects(image, *small)) == {"rbc": 6}


def test_no_cells_no_objects() -> None:
    image, _ = row_of_cells()
    disc(image, 120, 110, 6, (60, 60, 60))
    assert objects(image) == ()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_image_has_the_ellipses_of_its_boxes(level: int) -> None:
    image = np.full((160, 208, 3), level, np.uint8)
    found = objects(image, box_at(60, 60), box_at(120, 60))
    assert kinds(found) == {"rbc": 2}
    assert found[0].mask.mean() == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.parametrize("edge", [np.s_[-1:], np.s_[:, -1:]])
def test_strip_at_the_end_of_a_frame_smaller_than_the_view_is_no_fault(edge: object) -> None:
    image, boxes = row_of_cells()
    image[edge] = (60, 60, 60)  # type: ignore[index]
    found = objects_of(image, cells_at(*boxes), (50, 60))
    assert kinds(found)["rbc"] == 6
    for one in found:
        assert 0 <= one.left_px < one.left_px + one.width_px <= 60
        assert 0 <= one.top_px < one.top_px + one.height_px <= 50
        assert one.mask.shape == (one.height_px, one.width_px)


def found_in(field: DrawnField) -> tuple[CellBox, ...]:
    """The objects of a drawn field whose red cells are given."""
    height, width = field.image.shape[:2]
    across, down = 400 / width, 304 / height
    image = cv2.resize(field.image, (400, 304), interpolation=cv2.INTER_AREA)
    red = [cell for cell in field.cells if cell.label not in NON_RBC]
    corners = np.array(
        [(c.left_px, c.top_px, c.left_px + c.width_px, c.top_px + c.height_px) for c in red]
    )
    boxes = (np.add(corners, [-5, -5, 5, 5]) * [across, down, across, down]).tolist()
    return objects_of(np.asarray(image, np.uint8), cells_at(*boxes), (height, width))


def test_drawn_fields_have_their_cells_and_nothing_else() -> None:
    for seed in (3, 4):
        field = draw_field(SMEAR, seed, 0)
        found = found_in(field)
        assert kinds(found).keys() == {"rbc"}
        # Of some that the frame cuts next to nothing shows.
        assert 0 <= len(field.cells) - len(found) <= 4
        whole = sum(not one.at_border for one in found)
        assert whole == pytest.approx(field.rbc_count, rel=0.05)
        assert min(one.mask.mean() for one in found) > 0.4


def test_drawn_white_cells_and_platelets_are_told() -> None:
    for seed, n_white in ((4, 1), (9, 5)):
        settings = replace(SMEAR, wbc_per_1000_rbc=20, platelets_per_field=6)
        field = draw_field(settings, seed, 0)
        found, true = kinds(found_in(field)), Counter(cell.label for cell in field.cells)
        assert found["wbc"] == true["wbc"] == n_white
        # Some lie on red cells.
        assert 0.7 * true["platelet"] <= found["platelet"] <= true["platelet"]
