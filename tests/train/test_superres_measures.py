"""PSNR and SSIM: by hand, as scikit-image, inside a mask, and at every size."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from edge.cameras.smear import draw_cell
from edge.contract.errors import DataError
from edge.contract.types import U8Array
from train.superres.measures import MOST_DB, luma, psnr, quality, ssim, ssim_map


def noisy(image: U8Array, sigma: float, seed: int = 0) -> U8Array:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def cell(seed: int = 1, size_px: int = 64) -> tuple[U8Array, np.ndarray]:
    image, mask = draw_cell("ring", seed, size_px)
    return image * mask[:, :, None], mask


def test_psnr_by_hand() -> None:
    truth = np.full((2, 3, 3), 100, np.uint8)
    found = truth.copy()
    assert psnr(truth, truth + np.uint8(1)) == pytest.approx(20 * np.log10(255))
    # One of 18 samples is off by 30: a mean squared error of 50.
    found[0, 0, 0] = 130
    assert psnr(truth, found) == pytest.approx(10 * np.log10(255**2 / 50))
    # Unsigned differences do not wrap.
    assert psnr(found, truth) == psnr(truth, found)
    assert psnr(truth, truth) == MOST_DB
    assert psnr(np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)) == 0


def test_psnr_of_a_large_image_that_is_nearly_equal_stays_below_the_cap() -> None:
    truth = np.zeros((400, 400, 3), np.uint8)
    found = truth.copy()
    found[0, 0, 0] = 1
    assert psnr(truth, found) == MOST_DB


@pytest.mark.parametrize("shape", [(64, 64, 3), (31, 57, 3), (11, 11, 3), (40, 33)])
def test_measures_are_those_of_scikit_image(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 256, shape, np.uint8)
    found = noisy(truth, 20)
    expected = structural_similarity(
        truth,
        found,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if len(shape) == 3 else None,
    )
    assert ssim(truth, found) == pytest.approx(expected, abs=1e-9)
    assert psnr(truth, found) == pytest.approx(
        peak_signal_noise_ratio(truth, found, data_range=255)
    )


@pytest.mark.parametrize("side", [1, 2, 3, 10, 11, 12, 64])
@pytest.mark.parametrize("sigma", [0, 1, 40])
def test_ssim_is_at_most_one_at_every_size(side: int, sigma: float) -> None:
    truth = np.random.default_rng(side).integers(0, 256, (side, 2 * side - 1, 3), np.uint8)
    value = ssim(truth, noisy(truth, sigma))
    assert -1 <= value <= 1
    assert (value == 1) == (sigma == 0)


def test_ssim_of_one_pixel_is_that_of_its_brightness() -> None:
    truth, found = np.full((1, 1), 100, np.uint8), np.full((1, 1), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert ssim(truth, found) == pytest.approx(expected)


def test_small_images_are_continued_as_the_filter_continues_large_ones() -> None:
    truth = np.random.default_rng(5).integers(0, 256, (8, 8), np.uint8)
    found = noisy(truth, 30)
    large = [np.pad(image, 16, mode="symmetric") for image in (truth, found)]
    np.testing.assert_allclose(ssim_map(truth, found), ssim_map(*large)[16:24, 16:24], atol=1e-9)


def test_luma_is_of_bt_601() -> None:
    image = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_allclose(luma(image), [[16, 235, 16 + 65.481]], atol=1e-6)


def test_quality_inside_the_mask_knows_nothing_of_what_is_outside() -> None:
    image, mask = cell()
    spoilt = np.where(mask[:, :, None], image, 200).astype(np.uint8)
    whole, inside = quality(image, spoilt, mask)
    assert inside.psnr_rgb == inside.psnr_y == MOST_DB
    assert whole.psnr_rgb < 20 and whole.ssim_rgb < 0.9
    # The window of SSIM reaches over the edge; three pixels further in it still does, a little.
    assert inside.ssim_rgb < 1


def test_quality_outside_the_mask_counts_on_the_whole_alone() -> None:
    image, mask = cell()
    found = noisy(image, 12)
    whole, inside = quality(image, found, mask)
    assert whole.psnr_rgb == psnr(image, found)
    assert inside.psnr_rgb == psnr(image, found, mask)
    assert inside.psnr_rgb == pytest.approx(psnr(image[mask][None], found[mask][None]))
    assert inside.ssim_rgb == ssim(image, found, mask)
    assert inside.ssim_rgb == pytest.approx(float(ssim_map(image, found)[mask].mean()))
    assert whole.psnr_y == psnr(luma(image), luma(found))
    assert inside.ssim_y == ssim(luma(image), luma(found), mask)
    # Y spans 219 of 255 levels and averages the noise of three channels.
    assert whole.psnr_y > whole.psnr_rgb


@pytest.mark.parametrize("mask", [None, np.zeros((64, 64), bool)])
def test_without_a_mask_nothing_is_inside(mask: np.ndarray | None) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole, inside = quality(image, noisy(image, 3), mask)
    assert 30 < whole.psnr_rgb < 45
    assert np.isnan(inside.psnr_rgb) and np.isnan(inside.ssim_y)


def test_what_does_not_fit_together_is_refused() -> None:
    image, mask = cell()
    with pytest.raises(DataError, match="expected the same"):
        psnr(image, image[:-1])
    with pytest.raises(DataError, match="expected the same"):
        ssim(image, image[:, :, 0])
    with pytest.raises(DataError, match="expected the same"):
        ssim(image[:0], image[:0])
    with pytest.raises(DataError, match="uint8 RGB"):
        luma(image[:, :, 0])
    with pytest.raises(DataError, match="uint8 RGB"):
        quality(image / 255, image / 255)
    with pytest.raises(DataError, match="mask is"):
        quality(image, image, mask[:-1])
    with pytest.raises(DataError, match="mask is"):
        psnr(image, image, mask.astype(np.uint8))
    for measure in (psnr, ssim):
        with pytest.raises(DataError, match="mask is empty"):
            measure(image, image, np.zeros_like(mask))
