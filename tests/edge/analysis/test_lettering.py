"""Burnt-in bars, arrows and text are found; cells, nuclei and specks are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.analysis.lettering import Region, find_lettering
from edge.contract.images import list_images, read_image
from edge.contract.types import U8Array
from tests.support.bad_fields import empty_field, good_field, white_cells_alone, with_scale_bar

STEP = 4


def found_in(image: U8Array, step: int = STEP) -> Region | None:
    return find_lettering(np.ascontiguousarray(image[::step, ::step]), step)


@pytest.mark.parametrize("corner", ["bottom right", "bottom left", "top right", "top left"])
def test_scale_bar_is_found_with_its_text(corner: str) -> None:
    region = found_in(with_scale_bar(good_field(1), corner=corner))
    assert region is not None
    left, top, width, height = region
    x, y = (1130 if "right" in corner else 30), (900 if "bottom" in corner else 60)
    assert left <= x and x + 110 <= left + width
    assert top <= y and y + 40 <= top + height
    assert width * height < 0.03 * 1280 * 960


def test_arrow_of_a_pure_colour_is_found() -> None:
    image = good_field(2)
    cv2.arrowedLine(image, (600, 400), (700, 460), (255, 0, 0), 6)
    region = found_in(image)
    assert region is not None
    assert region[0] <= 600 and region[1] <= 400


@pytest.mark.parametrize("seed", range(5))
def test_fields_without_lettering_have_none(seed: int) -> None:
    assert found_in(good_field(seed)) is None
    assert found_in(white_cells_alone(seed)) is None
    assert found_in(empty_field(seed, debris=12)) is None


def test_black_speck_is_no_lettering() -> None:
    image = good_field(3)
    cv2.circle(image, (300, 300), 14, (10, 10, 10), cv2.FILLED)
    assert found_in(image) is None


@pytest.mark.data
@pytest.mark.parametrize(("folder", "share"), [("iml-fields", 1.0), ("bccd-fields", 0.0)])
def test_real_scale_bars_are_found(real_data: Path, folder: str, share: float) -> None:
    paths = list_images(real_data / folder / "images")[::5]
    step = STEP if folder == "iml-fields" else 2
    regions = [found_in(read_image(path), step) for path in paths]
    assert np.mean([region is not None for region in regions]) == share
    # Every frame has the bar at the same place.
    assert len(set(regions)) == 1
