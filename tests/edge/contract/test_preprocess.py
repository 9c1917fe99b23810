from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.contract.errors import ImageError, ManifestError
from edge.contract.preprocess import Preprocessing, prepare_batch, prepare_crop

SHAPES = [(30, 50), (50, 30), (70, 70), (64, 64)]
SPEC = Preprocessing(size_px=64)


def test_square_of_the_same_size_is_unchanged() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(prepare_crop(crop, SPEC), crop)


def test_shape_is_kept_by_padding_with_black() -> None:
    crop = np.full((32, 64, 3), 200, np.uint8)
    prepared = prepare_crop(crop, SPEC)
    assert prepared.shape == (64, 64, 3)
    assert not prepared[:16].any()
    assert (prepared[17:47] == 200).all()
    assert not prepared[48:].any()


def test_mask_blackens_the_outside() -> None:
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    prepared = prepare_crop(np.full((64, 64, 3), 99, np.uint8), SPEC, mask)
    assert prepared.sum() == 20 * 20 * 3 * 99


def test_dark_crop_is_scaled_like_a_bright_one() -> None:
    bright = np.random.default_rng(0).integers(0, 256, (130, 120, 3), np.uint8)
    dark = prepare_crop(bright // 8, SPEC).astype(float)
    assert np.abs(dark * 8 - prepare_crop(bright, SPEC)).max() <= 16


def test_empty_batch_has_the_right_shape() -> None:
    assert prepare_batch([], SPEC).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    "crop",
    [
        np.zeros((2, 64, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
    ],
)
def test_what_is_no_crop_is_refused(crop: np.ndarray) -> None:
    with pytest.raises(ImageError, match="crop is"):
        prepare_crop(crop, SPEC)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mask", "white"),
        ("channel_order", "BGR"),
        ("resize_filter", "lanczos"),
        ("size_px", 4),
        ("contrast", "more"),
        ("trim", 0.5),
    ],
)
def test_unknown_setting_is_refused(key: str, value: object) -> None:
    with pytest.raises(ManifestError, match=key):
        Preprocessing(**{"size_px": 64, key: value})


def test_trim_leaves_the_middle() -> None:
    crop = np.zeros((100, 50, 3), np.uint8)
    crop[20:80, 10:40] = 200
    assert (prepare_crop(crop, Preprocessing(64, padding="none", trim=0.2)) == 200).all()
    assert not (prepare_crop(crop, Preprocessing(64, padding="none", trim=0.1)) == 200).all()


def test_equalised_image_forgets_gain_and_offset_and_keeps_black() -> None:
    image = np.repeat(np.random.default_rng(0).integers(1, 200, (64, 64, 1), np.uint8), 3, axis=2)
    image[:8] = 0
    spec = Preprocessing(64, mask="none", contrast="equalise")
    dimmed = np.where(image > 0, image // 2 + 40, 0).astype(np.uint8)
    plain, other = (prepare_crop(x, spec).astype(int) for x in (image, dimmed))
    assert not plain[:8].any()
    assert np.abs(plain[8:] - other[8:]).mean() < 4
    assert plain[8:].std() > 60


@pytest.mark.parametrize(
    "spec",
    [
        Preprocessing(64, trim=0.1),
        Preprocessing(64, padding="none"),
        Preprocessing(64, mask="none"),
        Preprocessing(64, contrast="clahe"),
    ],
)
def test_cells_of_a_batch_are_those_prepared_alone(spec: Preprocessing) -> None:
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (height, width, 3), np.uint8) for height, width in SHAPES]
    masks = [rng.integers(0, 2, crop.shape[:2]).astype(bool) for crop in crops]
    masks[0] = None
    batch = prepare_batch(crops, spec, masks)
    for crop, mask, prepared in zip(crops, masks, batch, strict=True):
        assert np.array_equal(prepared, prepare_crop(crop, spec, mask))
        if mask is not None and spec.mask == "black":
            black = np.where(mask[:, :, None], crop, 0).astype(np.uint8)
            assert np.array_equal(prepared, prepare_crop(black, spec))


def test_shrunk_as_opencv_does() -> None:
    rng = np.random.default_rng(0)
    for height, width in ((65, 65), (64, 97), (100, 81), (128, 128), (131, 200), (70, 300)):
        crop = rng.integers(0, 256, (height, width, 3), np.uint8)
        expected = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA)
        prepared = prepare_crop(crop, Preprocessing(64, padding="none"))
        # Equal where this was written; another processor may round a sum of floats otherwise.
        assert np.abs(prepared.astype(int) - expected).max() <= 1, (height, width)
