"""Piles of cells are told from cells side by side, and one object from a field."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.analysis.crowding import (
    Clump,
    Largest,
    black_fraction,
    find_clump,
    largest_object,
)
from edge.analysis.thinned import thin
from edge.contract.types import U8Array
from tests.support import bad_fields

GLASS, CELL = (235, 230, 225), (190, 130, 150)


def clump_of(image: U8Array) -> Clump:
    return find_clump(thin(image, 640))


def largest_of(image: U8Array) -> Largest:
    return largest_object(thin(image, 640))


@pytest.mark.parametrize("seed", range(8))
def test_pile_has_two_layers_and_more(seed: int) -> None:
    clump = clump_of(bad_fields.clump(seed, 160, 60, 0.1))
    assert clump.share > 0.35
    assert clump.layers > 1.7


@pytest.mark.parametrize("seed", range(4))
def test_cells_side_by_side_are_no_clump(seed: int) -> None:
    assert clump_of(bad_fields.good_field(seed)).share < 0.1


def test_sheet_of_one_layer_has_one() -> None:
    image = np.full((960, 1280, 3), GLASS, np.uint8)
    cv2.circle(image, (640, 480), 180, CELL, cv2.FILLED)
    for x in range(60, 1280, 100):
        for y in (60, 160, 800, 900):
            cv2.circle(image, (x, y), 32, CELL, cv2.FILLED, cv2.LINE_AA)
    clump = clump_of(image)
    assert clump.share > 0.3
    assert clump.layers == pytest.approx(1.0, abs=0.1)


def test_nothing_stained_is_no_clump() -> None:
    assert clump_of(np.full((480, 640, 3), GLASS, np.uint8)).layers == 1.0


def test_cell_that_fills_the_picture_is_one_solid_object() -> None:
    one = largest_of(bad_fields.single_cell(1, masked=False))
    assert one.area > 0.5
    assert one.solidity > 0.95
    assert one.share > 0.9


def test_cells_of_a_field_are_not() -> None:
    assert largest_of(bad_fields.good_field(1)).area < 0.1


def test_cut_out_is_partly_black() -> None:
    cut = bad_fields.single_cell(1, masked=True)
    assert black_fraction(np.ascontiguousarray(cut.max(axis=2))) > 0.1
    whole = bad_fields.good_field(1)
    assert black_fraction(np.ascontiguousarray(whole.max(axis=2))) == 0.0
