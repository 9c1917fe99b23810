"""Levels and separation, against NumPy on the values themselves."""

from __future__ import annotations

import numpy as np
import pytest

from edge.analysis.histograms import histogram, level_at, separation
from edge.contract.types import U8Array


def values(seed: int = 1) -> U8Array:
    return np.random.default_rng(seed).integers(20, 200, (50, 60), np.uint8)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_level_is_the_percentile(share: float) -> None:
    found = level_at(histogram(values()), share)
    assert abs(found - np.percentile(values(), 100 * share)) <= 1


def test_mask_leaves_out() -> None:
    image = values()
    mask = (image > 100).astype(np.uint8)
    assert histogram(image, mask)[:101].sum() == 0
    assert histogram(image, mask).sum() == np.count_nonzero(mask)


def test_nothing_has_the_level_nought() -> None:
    assert level_at(np.zeros(256), 0.5) == 0


def test_two_values_are_parted_wholly_and_one_kind_not_at_all() -> None:
    two = np.repeat(np.array([[40, 90]], np.uint8), 20, axis=0)
    assert separation(histogram(two), 60) == pytest.approx(1.0)
    assert separation(histogram(two), 100) == 0.0
    assert separation(histogram(two), 10) == 0.0


def test_separation_is_otsus_criterion() -> None:
    image = values(3)
    above, share = image > 110, np.mean(image > 110)
    between = share * (1 - share) * (image[above].mean() - image[~above].mean()) ** 2
    assert separation(histogram(image), 110) == pytest.approx(between / image.var())
