"""Colours and evenness: what a stained smear has, and each way in which a picture has it not."""

from __future__ import annotations

import numpy as np
import pytest

from edge.analysis.foreground import stain_levels, stain_map
from edge.analysis.stain import (
    StainColour,
    StainLimits,
    glass_evenness,
    is_cell_colour,
    stain_colour,
)
from edge.contract.types import BoolArray, F64Array, U8Array

GLASS = np.array([225.0, 230.0, 220.0])
STAINED = np.array([0.18, 0.42, 0.26])


def known(density: F64Array = STAINED, glass: F64Array = GLASS) -> bool:
    return StainColour(np.asarray(density), np.asarray(glass)).is_known(StainLimits())


def halves(left: F64Array, right: F64Array) -> tuple[U8Array, BoolArray]:
    """(60,100,3) image of two colours, and where the left one is."""
    image = np.empty((60, 100, 3))
    image[:, :50], image[:, 50:] = left, right
    mask = np.zeros((60, 100), np.bool_)
    mask[:, :50] = True
    return image.astype(np.uint8), mask


def test_density_is_that_of_the_stained_half_over_the_glass() -> None:
    colour = stain_colour(*halves(GLASS * np.exp(-STAINED), GLASS))
    np.testing.assert_allclose(colour.density, STAINED, atol=0.01)
    np.testing.assert_allclose(colour.glass, GLASS + 1, atol=1)


@pytest.mark.parametrize("stained", [True, False])
def test_all_or_nothing_stained_has_no_density(stained: bool) -> None:
    image, mask = halves(GLASS, GLASS)
    colour = stain_colour(image, np.full_like(mask, stained))
    assert not colour.density.any()
    assert not colour.is_known(StainLimits())


@pytest.mark.parametrize(
    "density", [STAINED, [0.02, 0.3, 0.2], [0.35, 1.6, 0.55], [0.1, 0.2, 0.05]]
)
def test_densities_as_measured_are_known(density: F64Array) -> None:
    assert known(np.asarray(density))


@pytest.mark.parametrize(
    "density",
    [
        [0.42, 0.3, 0.26],  # takes more red than green: a green stain
        [0.18, 0.3, 0.4],  # takes blue most: yellow
        [0.18, 0.42, 0.02],  # lets all blue through: pure magenta ink
        [-0.1, 0.42, 0.26],  # shines in red
        [0.7, 0.9, 0.8],  # black ink
        [0.5, 2.4, 0.8],
        [0.0, -0.1, 0.0],
    ],
)
def test_densities_of_no_blood_stain_are_not(density: list[float]) -> None:
    assert not known(np.array(density))


@pytest.mark.parametrize(
    ("glass", "expected"),
    [
        ([240, 200, 120], True),  # an incandescent lamp
        ([170, 220, 240], True),
        ([240, 130, 120], False),
        ([120, 220, 180], False),
        ([220, 225, 80], False),
    ],
)
def test_lamp_may_be_warm_or_cold_but_not_coloured(glass: list[float], expected: bool) -> None:
    assert known(glass=np.array(glass)) is expected


def mottled_discs() -> U8Array:
    """(240,320) green channel: cells with grain and pallor on clear glass."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:240, :320]
    far = np.hypot((y % 60) - 30, (x % 64) - 32)
    grain = rng.normal(0, 8, (120, 160)).repeat(2, 0).repeat(2, 1)
    image = np.where(far < 22, 150 - far + grain, 220)
    return (image + rng.normal(0, 1, image.shape)).astype(np.uint8)


def evenness(green: U8Array) -> float:
    stain = stain_map(green)
    glass, cell = stain_levels(stain) or (0, 0)
    return glass_evenness(green, stain, stain > (glass + cell) // 2)


def test_glass_is_evener_than_cells_and_not_when_inverted() -> None:
    green = mottled_discs()
    assert evenness(green) > 5
    assert evenness(255 - green) < 0.5


def test_evenness_of_too_little_of_either_is_1() -> None:
    green = mottled_discs()
    nothing = np.zeros(green.shape, np.bool_)
    assert glass_evenness(green, stain_map(green), nothing) == 1
    assert glass_evenness(green, stain_map(green), ~nothing) == 1


def disc(colour: tuple[int, int, int]) -> U8Array:
    """A cell of one colour on black, (40,40,3)."""
    y, x = np.mgrid[:40, :40] - 19.5
    inside = (y**2 + x**2 < 18**2)[:, :, None]
    return np.asarray(inside * np.array(colour), np.uint8)


@pytest.mark.parametrize(
    "colour", [(216, 150, 150), (150, 150, 200), (190, 195, 180), (200, 30, 150), (120, 90, 95)]
)
def test_colours_of_real_cells_are_a_cells(colour: tuple[int, int, int]) -> None:
    assert is_cell_colour(disc(colour))


def test_a_strange_cell_on_plain_ground_is_judged_by_its_own_colour() -> None:
    cell = disc((60, 180, 70))
    assert not is_cell_colour(np.where(cell.any(axis=2, keepdims=True), cell, 240).astype(np.uint8))
    small = np.full((120, 120, 3), 240, np.uint8)
    small[40:80, 40:80] = np.where(cell.any(axis=2, keepdims=True), cell, 240)
    assert is_cell_colour(small)


@pytest.mark.parametrize(
    ("colour", "what"),
    [
        ((60, 180, 70), "green"),
        ((220, 160, 70), "yellow"),
        ((40, 40, 180), "pure blue"),
        ((39, 105, 105), "a pink cell inverted"),
        ((112, 118, 76), "a blue-grey cell inverted"),
        ((60, 40, 45), "dark"),
        ((0, 0, 0), "black"),
    ],
)
def test_colours_of_no_stain_are_no_cells(colour: tuple[int, int, int], what: str) -> None:
    assert not is_cell_colour(disc(colour)), what
