"""Foreign pictures are of the promised form, repeatable, and never look like a healthy cell."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.errors import DataError
from edge.contract.types import U8Array
from train.foreign import FIT_KINDS, draw_foreign
from train.foreign.shapes import no_stain, unlike_a_cell, unstained_colour

SIZE = 96
CUT_BY_OUTLINE = ("gradient", "noise", "cloud", "stripes", "checks", "woven", "leaves", "strokes")
PINK, GREY, MAGENTA, PALE = (198, 150, 160), (140, 142, 138), (165, 40, 140), (226, 226, 230)


def discs() -> U8Array:
    """Round cells of colours that stained cells have, on black."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    inside = (np.hypot(x, y) < 40)[:, :, None]
    colours = np.array([PINK, GREY, MAGENTA, (150, 155, 205)])
    speckle = np.random.default_rng(2).integers(-9, 9, (len(colours), SIZE, SIZE, 3))
    return ((colours[:, None, None] + speckle) * inside).astype(np.uint8)


def drawn(kind: str, count: int = 40) -> list[U8Array]:
    rng = np.random.default_rng(7)
    return [FIT_KINDS[kind](SIZE, rng, discs()) for _ in range(count)]


def median_colour(image: U8Array) -> np.ndarray:
    return np.median(image[image.max(axis=2) > 0], axis=0)


def fills_the_frame(image: U8Array) -> bool:
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    return bool((corners.max(axis=1) > 0).any())


@pytest.mark.parametrize("kind", FIT_KINDS)
def test_each_kind_is_a_picture_that_differs_from_draw_to_draw(kind: str) -> None:
    pictures = drawn(kind)
    assert all(image.shape == (SIZE, SIZE, 3) for image in pictures)
    assert all(image.dtype == np.uint8 for image in pictures)
    assert len({image.tobytes() for image in pictures}) > 10


@pytest.mark.parametrize("kind", FIT_KINDS)
def test_another_size_than_the_cells_is_drawn(kind: str) -> None:
    picture = FIT_KINDS[kind](64, np.random.default_rng(1), discs())
    assert picture.shape == (64, 64, 3)


def test_a_draw_is_repeatable_and_names_its_kind() -> None:
    first, again = (
        [draw_foreign(SIZE, rng, discs()) for _ in range(60)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    for (image, kind), (same, same_kind) in zip(first, again, strict=True):
        assert kind == same_kind
        np.testing.assert_array_equal(image, same)
    assert len({kind for _, kind in first}) > len(FIT_KINDS) * 0.7


@pytest.mark.parametrize("kind", CUT_BY_OUTLINE)
def test_textures_fill_the_frame_or_are_cut_out(kind: str) -> None:
    whole = np.mean([fills_the_frame(image) for image in drawn(kind)])
    assert 0.3 < whole < 0.9


@pytest.mark.parametrize("colour", [PINK, GREY, MAGENTA, PALE])
def test_colours_of_cells_are_not_foreign(colour: tuple[int, int, int]) -> None:
    assert not no_stain(np.array(colour))


@pytest.mark.parametrize("colour", [(80, 200, 90), (230, 220, 40), (40, 200, 210), (9, 9, 9)])
def test_colours_of_no_stain_are(colour: tuple[int, int, int]) -> None:
    assert no_stain(np.array(colour))


def test_a_plain_disc_of_a_cells_colour_is_never_drawn() -> None:
    assert not any(unlike_a_cell(cell) for cell in discs())
    assert not unlike_a_cell(np.zeros((SIZE, SIZE, 3), np.uint8))
    for kind in ("flat", "gradient", "cloud", "soft_shapes", "strokes"):
        cut = [image for image in drawn(kind, 80) if not fills_the_frame(image)]
        assert cut and all(unlike_a_cell(image) for image in cut)


@pytest.mark.parametrize("kind", ["hue_turned", "inverted"])
def test_changed_colours_are_such_as_no_stain_has(kind: str) -> None:
    on_black = [image for image in drawn(kind) if not fills_the_frame(image)]
    assert on_black and all(no_stain(median_colour(image)) for image in on_black)


def test_colours_are_drawn_from_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    colours = np.array([unstained_colour(rng) for _ in range(200)])
    assert no_stain(colours).all()
    assert (np.ptp(colours, axis=0) > 200).all()


def test_less_than_half_of_a_cut_cell_is_left() -> None:
    rng = np.random.default_rng(5)
    whole = np.count_nonzero(discs()[0].max(axis=2))
    # A quarter is below this one; scaled pieces and full frames hold more.
    left = sorted(
        np.count_nonzero(FIT_KINDS["part"](SIZE, rng, discs()).max(axis=2)) for _ in range(60)
    )
    assert left[15] < 0.5 * whole


def test_no_cell_to_work_on_is_said() -> None:
    black = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    with pytest.raises(DataError, match="all black"):
        FIT_KINDS["part"](SIZE, np.random.default_rng(0), black)
