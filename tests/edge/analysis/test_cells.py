"""Cells are found, parted, told apart; odd images give none and never an error."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.analysis.cells import find_cells
from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import read_image
from edge.contract.labels import NON_RBC
from edge.contract.types import CellBox, Frame, U8Array

GLASS = (200, 220, 205)
CELL = (150, 110, 140)
PURPLE = (95, 30, 120)
RADIUS_PX = 30


def glass(height_px: int = 480, width_px: int = 640) -> U8Array:
    return np.full((height_px, width_px, 3), GLASS, np.uint8)


def disc(
    image: U8Array,
    x: int,
    y: int,
    radius_px: int = RADIUS_PX,
    colour: tuple[int, int, int] = CELL,
) -> None:
    cv2.circle(image, (x, y), radius_px, colour, cv2.FILLED, cv2.LINE_AA)


def with_reference_cells() -> U8Array:
    """Single cells along the top, which set the size; the rest of the field is free."""
    image = glass()
    for x in range(60, 600, 90):
        disc(image, x, 60)
    return image


def find(image: U8Array, um_per_px: float | None = None) -> tuple[CellBox, ...]:
    return find_cells(Frame(image, "field", um_per_px=um_per_px))


def below(cells: tuple[CellBox, ...], top_px: int = 120) -> list[CellBox]:
    return [cell for cell in cells if cell.top_px > top_px]


def test_single_discs_have_tight_boxes_and_masks() -> None:
    cells = find(with_reference_cells())
    assert len(cells) == 6
    for cell, x in zip(sorted(cells, key=lambda c: c.left_px), range(60, 600, 90), strict=True):
        assert cell.kind == "rbc"
        assert not cell.at_border
        assert cell.left_px == pytest.approx(x - RADIUS_PX, abs=3)
        assert cell.width_px == pytest.approx(2 * RADIUS_PX + 1, abs=4)
        assert cell.height_px == pytest.approx(2 * RADIUS_PX + 1, abs=4)
        assert cell.mask.dtype == np.bool_
        assert cell.mask.shape == (cell.height_px, cell.width_px)
        assert cell.mask.sum() == pytest.approx(np.pi * RADIUS_PX**2, rel=0.1)


@pytest.mark.parametrize("apart_px", [61, 58, 50, 42])
def test_touching_and_overlapping_discs_are_two(apart_px: int) -> None:
    image = with_reference_cells()
    disc(image, 300, 250)
    disc(image, 300 + apart_px, 250)
    pair = below(find(image))
    assert [cell.kind for cell in pair] == ["rbc", "rbc"]
    centres = sorted(cell.left_px + cell.width_px / 2 for cell in pair)
    assert centres[0] == pytest.approx(300, abs=9)
    assert centres[1] == pytest.approx(300 + apart_px, abs=9)


def test_three_touching_discs_are_three() -> None:
    image = with_reference_cells()
    for x, y in ((300, 250), (358, 250), (329, 300)):
        disc(image, x, y)
    assert len(below(find(image))) == 3


def test_ellipse_is_one() -> None:
    image = with_reference_cells()
    cv2.ellipse(image, (300, 250), (40, 22), 30, 0, 360, CELL, cv2.FILLED, cv2.LINE_AA)
    assert len(below(find(image))) == 1


def test_pale_centre_is_part_of_its_cell() -> None:
    image = with_reference_cells()
    disc(image, 300, 250)
    disc(image, 300, 250, 15, GLASS)
    (cell,) = below(find(image))
    assert cell.kind == "rbc"
    assert cell.mask.sum() == pytest.approx(np.pi * RADIUS_PX**2, rel=0.1)


@pytest.mark.parametrize(("x", "y"), [(5, 250), (635, 250), (300, 470), (638, 476)])
def test_cut_cell_is_at_border(x: int, y: int) -> None:
    image = with_reference_cells()
    disc(image, x, y)
    (cell,) = below(find(image))
    assert cell.at_border
    assert cell.left_px >= 0
    assert cell.left_px + cell.width_px <= 640
    assert cell.top_px + cell.height_px <= 480


def test_white_cell_is_told_by_its_nucleus() -> None:
    image = with_reference_cells()
    disc(image, 300, 280, 45, (170, 160, 180))
    disc(image, 288, 275, 24, PURPLE)
    disc(image, 314, 285, 22, PURPLE)
    white = [cell for cell in find(image) if cell.kind == "wbc"]
    assert len(white) == 1
    assert white[0].mask.sum() > 1.1 * np.pi * RADIUS_PX**2
    assert sum(cell.kind == "rbc" for cell in find(image)) == 6


def test_small_objects_are_platelet_or_debris_by_colour() -> None:
    image = with_reference_cells()
    disc(image, 200, 250, 11, (150, 110, 180))
    disc(image, 400, 250, 9, (60, 60, 60))
    kinds = {cell.left_px // 200: cell.kind for cell in below(find(image))}
    assert kinds == {0: "platelet", 1: "debris"}


def test_platelet_beside_a_cell_is_not_lost() -> None:
    image = with_reference_cells()
    disc(image, 300, 250)
    disc(image, 348, 250, 10, (150, 110, 180))
    assert sorted(cell.kind for cell in below(find(image))) == ["platelet", "rbc"]


def test_scale_bar_and_text_are_no_red_cells() -> None:
    image = with_reference_cells()
    cv2.line(image, (520, 430), (600, 430), (0, 0, 0), 2)
    cv2.putText(image, "50 um", (530, 460), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    assert not [cell for cell in below(find(image)) if cell.kind == "rbc"]


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_size_is_measured_at_any_magnification(factor: int) -> None:
    image = with_reference_cells()
    disc(image, 300, 250)
    disc(image, 350, 250)
    large = cv2.resize(image, None, fx=factor, fy=factor)
    cells = find(large)
    assert len(cells) == 8
    assert {cell.kind for cell in cells} == {"rbc"}


def test_many_small_cells_in_a_large_frame_are_found() -> None:
    image = glass(1944, 2592)
    places = [(x, y) for y in range(60, 1900, 90) for x in range(60, 2550, 90)]
    for x, y in places:
        disc(image, x, y, 16)
    assert len(find(image)) == len(places)


def test_known_scale_wins_over_a_field_of_clumps() -> None:
    image = glass()
    for x, y in ((300, 250), (345, 250), (322, 212), (322, 288)):
        disc(image, x, y)
    # A red cell of 7.5 um is 60 px across.
    assert len(find(image, um_per_px=7.5 / 60)) >= 3


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.full((480, 640, 3), CELL, np.uint8),
        np.zeros((3, 3, 3), np.uint8),
        np.zeros((1, 640, 3), np.uint8),
    ],
    ids=["black", "white", "flat", "3x3", "one row"],
)
def test_what_is_no_field_gives_no_cells(image: U8Array) -> None:
    assert find(image) == ()


def test_odd_images_never_raise() -> None:
    rng = np.random.default_rng(7)
    clump = glass()
    cv2.ellipse(clump, (320, 240), (280, 200), 0, 0, 360, CELL, cv2.FILLED)
    half = glass()
    half[:, 320:] = CELL
    speck = glass()
    speck[200:203, 300:303] = 0
    for image in (
        clump,
        half,
        speck,
        rng.integers(0, 256, (480, 640, 3), np.uint8),
        rng.integers(0, 256, (64, 64, 3), np.uint8),
        rng.integers(0, 256, (70, 900, 3), np.uint8),
    ):
        for cell in find(image):
            assert cell.mask.shape == (cell.height_px, cell.width_px)
            assert cell.left_px + cell.width_px <= image.shape[1]
            assert cell.top_px + cell.height_px <= image.shape[0]


def test_same_frame_gives_the_same_cells() -> None:
    image = draw_field(SmearSettings(), 3, 1).image
    first, second = find(image), find(image)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one.left_px, one.top_px, one.kind) == (other.left_px, other.top_px, other.kind)
        assert np.array_equal(one.mask, other.mask)


Box = tuple[int, int, int, int]


def matches(found: list[Box], truth: list[Box], least_iou: float = 0.5) -> list[tuple[int, int]]:
    """Greedy one-to-one pairs of (left, top, width, height) boxes."""
    a = np.array(found, float).reshape(-1, 1, 4)
    b = np.array(truth, float).reshape(1, -1, 4)
    sides = [
        np.minimum(a[..., i] + a[..., i + 2], b[..., i] + b[..., i + 2])
        - np.maximum(a[..., i], b[..., i])
        for i in (0, 1)
    ]
    shared = np.clip(sides[0], 0, None) * np.clip(sides[1], 0, None)
    iou = shared / (a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - shared)
    pairs = []
    while iou.max(initial=0.0) >= least_iou:
        row, column = divmod(int(iou.argmax()), iou.shape[1])
        iou[row], iou[:, column] = -1.0, -1.0
        pairs.append((row, column))
    return pairs


def rates(found: list[CellBox], truth: list[Box], whole: list[bool]) -> np.ndarray:
    """Counts (true found, true, found right, found); of whole cells, matched with all cells."""
    pairs = matches([(c.left_px, c.top_px, c.width_px, c.height_px) for c in found], truth)
    inner = [not cell.at_border for cell in found]
    return np.array(
        [sum(whole[j] for _, j in pairs), sum(whole), sum(inner[i] for i, _ in pairs), sum(inner)]
    )


def red_cells(image: U8Array) -> list[CellBox]:
    return [cell for cell in find(image) if cell.kind == "rbc"]


def has_hole(mask: np.ndarray) -> bool:
    """Whether a part outside the mask does not reach the outside."""
    around = np.pad(mask, 1).astype(np.uint8)
    count, _ = cv2.connectedComponents(1 - around, connectivity=4)
    return count > 2


@pytest.mark.data
def test_pale_cells_have_no_holes(real_data: Path) -> None:
    fields = sorted((real_data / "chula-fields/images").iterdir())[::16]
    cells = [cell for path in fields for cell in red_cells(read_image(path))]
    assert len(cells) > 100
    assert not any(has_hole(cell.mask) for cell in cells)


def test_simulated_red_cells_are_found() -> None:
    total = np.zeros(4)
    for seed in range(4):
        drawn = draw_field(SmearSettings(), seed, 1)
        red = [cell for cell in drawn.cells if cell.label not in NON_RBC]
        truth = [(c.left_px, c.top_px, c.width_px, c.height_px) for c in red]
        total += rates(red_cells(drawn.image), truth, [not c.at_border for c in red])
    assert total[0] / total[1] >= 0.95
    assert total[2] / total[3] >= 0.95


@pytest.mark.data
def test_real_red_cells_are_found(real_data: Path) -> None:
    """Precision counts as wrong the many red cells of clumps that were left unlabelled."""
    fields = json.loads((real_data / "iml-fields" / "cells.json").read_text())[::5]
    sides = ("left_px", "top_px", "width_px", "height_px")
    total = np.zeros(4)
    for field in fields:
        image = read_image(real_data / "iml-fields" / "images" / field["file"])
        height_px, width_px = image.shape[:2]
        truth = [tuple(cell[side] for side in sides) for cell in field["cells"]]
        whole = [
            min(x, y) > 2 and x + w < width_px - 3 and y + h < height_px - 3 for x, y, w, h in truth
        ]
        total += rates(red_cells(image), truth, whole)
    assert total[0] / total[1] >= 0.9
    assert total[2] / total[3] >= 0.82
