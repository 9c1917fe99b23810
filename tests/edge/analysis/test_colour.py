"""Grey, tinted, coloured: drawn pictures, and real X-rays and smears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.analysis.colour import is_coloured, is_grey
from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.images import decode_image, encode_image, list_images, read_image
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import U8Array

XRAY = Preprocessing(224, mask="none")


def shades() -> U8Array:
    """A grey wedge with noise, (64,64,3)."""
    rng = np.random.default_rng(1)
    grey = np.linspace(0, 230, 64)[None, :] + rng.normal(0, 6, (64, 64))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def tint(image: U8Array, gains: tuple[float, float, float]) -> U8Array:
    """As a photographed film that was saved as JPEG."""
    tinted = np.round(image * np.array(gains)).astype(np.uint8)
    return decode_image(encode_image(tinted, ".jpg", quality=80))


def test_grey_is_neither_tinted_nor_coloured() -> None:
    assert is_grey(shades())
    assert not is_coloured(shades())
    assert not is_coloured(np.zeros((16, 16, 3), np.uint8))


@pytest.mark.parametrize("gains", [(0.8, 0.9, 1.0), (1.0, 0.95, 0.8), (0.9, 1.0, 0.9)])
def test_a_films_tint_is_no_colour(gains: tuple[float, float, float]) -> None:
    assert not is_grey(tint(shades(), gains))
    assert not is_coloured(tint(shades(), gains))


def test_strong_colour_and_two_faint_hues_are_colour() -> None:
    assert is_coloured(tint(shades(), (0.5, 0.9, 1.0)))
    two = shades()
    two[:32, :, 0] = two[:32, :, 0] * 0.88
    two[32:, :, 2] = two[32:, :, 2] * 0.88
    assert is_coloured(two)


def test_drawn_smear_is_coloured() -> None:
    assert is_coloured(prepare_crop(draw_field(SmearSettings(), 3, 0).image, XRAY))


def test_real_x_rays_are_not_coloured_with_and_without_tint(real_data: Path) -> None:
    rng = np.random.default_rng(4)
    for path in list_images(real_data / "cxr")[::40]:
        crop = prepare_crop(read_image(path, may_be_grey=True), XRAY)
        red, green, blue = rng.uniform(0.82, 1, 3)
        assert not is_coloured(crop), path
        assert not is_coloured(tint(crop, (red, green, blue))), path


def test_most_real_smears_are_coloured(real_data: Path) -> None:
    for folder in ("bccd-fields", "iml-fields", "chula-fields"):
        fields = list_images(real_data / folder)[::15]
        found = [is_coloured(prepare_crop(read_image(path), XRAY)) for path in fields]
        assert np.mean(found) >= 0.9, folder
