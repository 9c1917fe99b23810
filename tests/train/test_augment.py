"""What each step of the augmentation changes, and what it never does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.contract.types import U8Array
from tests.support.drawn_task import STILL
from train.augment import EDGE_LEVEL, Augmentation, augment

# Flips and quarter turns remain: what lies in the middle column stays a cell.
STYLE = replace(STILL, style=1.0)


def discs(count: int = 8) -> U8Array:
    """Round cells, each of a colour of its own, on black."""
    y, x = np.mgrid[:33, :33] - 16
    inside = (y**2 + x**2 < 12**2)[None, :, :, None]
    rng = np.random.default_rng(5)
    colours = rng.integers(60, 220, (count, 1, 1, 3))
    speckle = rng.integers(-20, 20, (count, 33, 33, 3))
    return ((colours + speckle).clip(EDGE_LEVEL + 1, 255) * inside).astype(np.uint8)


def changed(settings: Augmentation, seed: int = 0) -> U8Array:
    return augment(discs(), settings, np.random.default_rng(seed))


def colour(batch: U8Array) -> np.ndarray:
    """(N,3) mean of each cell."""
    inside = batch.max(axis=3) > EDGE_LEVEL
    return np.array([image[mask].mean(axis=0) for image, mask in zip(batch, inside, strict=True)])


def test_without_strengths_only_turns_are_left() -> None:
    for before, after in zip(discs(), changed(STILL), strict=True):
        flips = (before, before[:, ::-1])
        assert any(np.array_equal(after, np.rot90(view, k)) for view in flips for k in range(4))


def test_style_of_another_cell_changes_colours_but_not_the_outside() -> None:
    mixed = changed(STYLE)
    outside = discs().max(axis=3) == 0
    assert not mixed[outside].any()
    assert (mixed.max(axis=3) > EDGE_LEVEL)[~outside].all()
    moved = np.abs(colour(mixed) - colour(discs())).max(axis=1)
    assert (moved > 5).sum() >= 3
    assert np.abs(colour(changed(STILL)) - colour(discs())).max() < 1


def test_style_stays_between_those_of_the_batch() -> None:
    before, after = colour(discs()), colour(changed(STYLE))
    assert (after >= before.min(axis=0) - 2).all()
    assert (after <= before.max(axis=0) + 2).all()


def test_style_has_a_probability_and_is_repeatable() -> None:
    np.testing.assert_array_equal(changed(STYLE), changed(STYLE))
    assert not np.array_equal(changed(STYLE), changed(STYLE, seed=1))
    rarely = [
        np.abs(colour(changed(replace(STYLE, style=0.1), seed)) - colour(discs())).max(axis=1) > 1
        for seed in range(10)
    ]
    assert 0 < np.mean(rarely) < 0.3


@pytest.mark.parametrize("step", ["stain", "hue", "gain", "offset", "blur", "jpeg"])
def test_each_step_of_colour_and_lens_keeps_the_middle_and_the_far_outside(step: str) -> None:
    strength = {"hue": 14.0, "blur": 1.0, "jpeg": 1.0}.get(step, 0.2)
    after = changed(replace(STILL, **{step: strength}))
    assert not np.array_equal(after, changed(STILL))
    assert after[:, 16, 16].max(axis=1).min() > EDGE_LEVEL
    assert after[:, :3, :3].max() <= EDGE_LEVEL
    assert after.dtype == np.uint8


def test_free_rotation_scale_and_shift_move_the_rim() -> None:
    settings = replace(STILL, affine=1.0, scale=0.15, shift=0.1)
    sizes = [(image.max(axis=2) > EDGE_LEVEL).sum() for image in changed(settings)]
    assert np.std(sizes) > 10


def test_plain_background_fills_the_outside_alone() -> None:
    filled, before = changed(replace(STILL, background=1.0)), changed(STILL)
    inside = before.max(axis=3) > EDGE_LEVEL
    np.testing.assert_array_equal(filled[inside], before[inside])
    assert filled[~inside].min() > 100
