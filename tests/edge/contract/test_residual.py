"""What a network adds to bicubic: the sum is exact, and cut off at black and white."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.contract.residual import add_to_bicubic, bicubic


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (5, 9)])
def test_sum_is_that_of_whole_numbers(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    residual = rng.integers(-128, 128, (2 * size[0], 2 * size[1], 3)).astype(np.int8)
    before = image.copy()
    base = cv2.resize(image, (2 * size[1], 2 * size[0]), interpolation=cv2.INTER_CUBIC)
    found = add_to_bicubic(image, residual)
    assert np.array_equal(found, np.clip(base.astype(int) + residual, 0, 255))
    assert found.dtype == np.uint8 and np.array_equal(image, before)


def test_nothing_added_is_bicubic() -> None:
    image = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert np.array_equal(add_to_bicubic(image, np.zeros((16, 16, 3), np.int8)), bicubic(image))
