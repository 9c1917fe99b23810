"""Outlines of cells in their boxes, on drawn fields whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.images import encode_image
from edge.contract.preprocess import Preprocessing
from edge.contract.types import BoolArray, U8Array
from train.datasets.base import Box, Example, load_crops
from train.datasets.outline import glass, glass_about, trace

GLASS, CELL, PALE = (205, 215, 205), (170, 150, 160), (200, 210, 200)
SIDE = 80


def disc(shape: tuple[int, int], x: int, y: int, radius: int) -> BoolArray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


def field(*cells: tuple[int, int], light: float = 0.0) -> U8Array:
    """Cells of radius 32 px with pale centres; `light` is how much is lost toward the right."""
    image = np.full((320, 400, 3), GLASS, np.uint8)
    for x, y in cells:
        cv2.circle(image, (x, y), 32, CELL, cv2.FILLED)
        cv2.circle(image, (x, y), 10, PALE, cv2.FILLED)
    shade = 1 - light * np.linspace(0, 1, 400)[None, :, None]
    return np.asarray(image * shade, np.uint8)


def overlap(first: BoolArray, second: BoolArray) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("light", [0.0, 0.35])
def test_cell_is_traced_with_its_pale_centre_and_without_its_neighbour(light: float) -> None:
    image = field((100, 160), (165, 160), (300, 80), light=light)
    box = Box(60, 120, SIDE, SIDE, "traced")
    mask = box.mask(glass(image))
    assert mask is not None
    assert overlap(mask, disc((SIDE, SIDE), 40, 40, 32)) > 0.93
    assert not mask[40, 78]
    ellipse = Box(60, 120, SIDE, SIDE).mask()
    assert ellipse is not None and ellipse[40, 78]


def test_crop_alone_gives_the_outline_of_a_cell_full_of_parasites() -> None:
    image = field((100, 160))
    for number in range(10):
        x, y = 100 + 18 * np.cos(number * 0.63), 160 + 18 * np.sin(number * 0.63)
        cv2.circle(image, (int(x), int(y)), 6, (90, 40, 110), cv2.FILLED)
    crop = np.ascontiguousarray(image[126:194, 66:134])
    mask = Box(0, 0, 68, 68, "alone").mask(glass_about(crop))
    assert mask is not None and overlap(mask, disc((68, 68), 34, 34, 32)) > 0.93
    by_the_whole_crop = Box(0, 0, 68, 68, "alone").mask(glass(crop))
    assert by_the_whole_crop is not None and by_the_whole_crop.sum() < 0.8 * mask.sum()
    assert not glass_about(crop[:2, :2]).any()


def test_where_no_cell_is_told_from_glass_the_ellipse_is_kept() -> None:
    within = disc((40, 40), 20, 20, 19)
    nothing = np.ones((40, 40), bool)
    assert np.array_equal(trace(nothing, within), within)
    speck = ~disc((40, 40), 20, 20, 8)
    assert np.array_equal(trace(speck, within), within)
    half = np.tile(np.arange(40) < 20, (40, 1))
    assert trace(half, within)[:, 20:].any() and not trace(half, within)[:, :20].any()
    assert overlap(trace(~nothing, within), within) > 0.97


def test_field_of_one_brightness_has_no_outline_to_trace() -> None:
    for level in (0, 120, 255):
        image = np.full((120, 160, 3), level, np.uint8)
        mask = Box(20, 20, 40, 40, "traced").mask(glass(image))
        ellipse = Box(20, 20, 40, 40).mask()
        assert mask is not None and ellipse is not None and overlap(mask, ellipse) > 0.97


def test_only_masked_crops_are_traced(tmp_path: Path) -> None:
    path = tmp_path / "field.png"
    path.write_bytes(encode_image(field((100, 160), (300, 80))))
    example = Example("a", path, 0, "g", Box(60, 120, SIDE, SIDE, "traced"))
    masked, whole = (
        load_crops([example], Preprocessing(SIDE, mask=m))[0] for m in ("black", "none")
    )
    assert not masked[40, 3].any() and whole[40, 3].tolist() == list(GLASS)
    assert masked[40, 12].tolist() == list(CELL) and masked[40, 40].tolist() == list(PALE)
