"""Tiles leave no seams: the result is that of the whole picture at once, whatever its size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.contract.tiles import CHUNK, enlarge, reflected
from edge.contract.types import U8Array
from tests.support.drawn_enhancer import draw_pictures, expected_pictures

sides = st.integers(1, 45)


def sharpen(batch: U8Array, reach_px: int) -> U8Array:
    """A convolution that looks `reach_px` far and sees black beyond its input, then 2x."""
    side = 2 * reach_px + 1
    kernel = np.random.default_rng(reach_px).random((side, side))
    kernel /= kernel.sum()
    seen = [cv2.filter2D(tile, -1, kernel, borderType=cv2.BORDER_CONSTANT) for tile in batch]
    return np.asarray(np.stack(seen).repeat(2, 1).repeat(2, 2), np.uint8)


def picture(height_px: int, width_px: int) -> U8Array:
    rng = np.random.default_rng(height_px * 1000 + width_px)
    return rng.integers(0, 256, (height_px, width_px, 3), np.uint8)


@settings(deadline=None, max_examples=150)
@given(sides, sides, st.integers(0, 5), st.integers(0, 3), st.integers(1, 20))
@example(1, 1, 3, 0, 4)
@example(1, 45, 5, 0, 1)
@example(24, 12, 2, 0, 12)
@example(45, 45, 5, 0, 1)
def test_tiled_picture_is_that_of_one_piece(
    height_px: int, width_px: int, reach_px: int, spare_px: int, step_px: int
) -> None:
    image, margin_px = picture(height_px, width_px), reach_px + spare_px
    tiled = enlarge(
        image, lambda batch: sharpen(batch, reach_px), step_px + 2 * margin_px, margin_px
    )
    rim = reach_px + 1
    rows, columns = (reflected(-rim, side + 2 * rim, side) for side in (height_px, width_px))
    whole = sharpen(image[rows][:, columns][None], reach_px)[0]
    whole = whole[2 * rim : -2 * rim, 2 * rim : -2 * rim]
    assert tiled.shape == (2 * height_px, 2 * width_px, 3) and tiled.dtype == np.uint8
    # OpenCV sums in another order where a picture is larger.
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_margin_that_is_too_small_shows_seams() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    run = lambda batch: sharpen(batch, 2)  # noqa: E731
    assert (enlarge(image, run, 16, 2) == 200).all()
    assert (enlarge(image, run, 16, 1) < 190).any()


def test_answers_land_where_they_belong() -> None:
    image = draw_pictures(1, 3, 37)[0]
    found = enlarge(image, expected_pictures, 16, 1)
    inner = expected_pictures(image[None])[0][2:-2, 2:-2]
    assert np.array_equal(found[2:-2, 2:-2], inner)


def test_tiles_come_in_chunks_of_one_shape() -> None:
    shapes = []

    def run(batch: U8Array) -> U8Array:
        shapes.append(batch.shape)
        return sharpen(batch, 0)

    image = picture(100, 90)
    assert np.array_equal(enlarge(image, run, 12, 1), image.repeat(2, 0).repeat(2, 1))
    assert sum(shape[0] for shape in shapes) == 10 * 9
    assert all(shape[0] <= CHUNK and shape[1:] == (12, 12, 3) for shape in shapes)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_reflection_is_numpys(length: int) -> None:
    for before, after in ((0, 0), (1, 2), (9, 11)):
        expected = np.pad(np.arange(length), (before, after), mode="symmetric")
        assert reflected(-before, before + length + after, length).tolist() == expected.tolist()
