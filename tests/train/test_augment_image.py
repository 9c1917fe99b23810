"""Augmentation of whole pictures, and contrast in the preprocessing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.manifest_json import format_manifest, parse_manifest
from edge.contract.preprocess import Preprocessing, even_contrast, prepare_crop
from edge.contract.records import from_plain, to_plain
from tests.conftest import SHIPPED
from tests.support.drawn_task import tiny_recipe
from train.augment_image import ImageAugmentation, augment_images
from train.batches import LabelledCrops, batches
from train.recipe import Recipe

STRONG = ImageAugmentation(15.0, 0.5, 0.5, 0.1, 0.1, 0.2, 0.2, 0.5, 0.5, 0.5, 0.5)


def pictures(count: int = 4, side: int = 48) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_all_off_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(augment_images(pictures(), ImageAugmentation(), rng), pictures())


@pytest.mark.parametrize("step", [item.name for item in fields(ImageAugmentation)])
def test_each_step_alone_changes_pictures(step: str) -> None:
    settings = replace(ImageAugmentation(), **{step: 20.0 if step == "rotate_deg" else 0.9})
    out = augment_images(pictures(8), settings, np.random.default_rng(1))
    assert out.dtype == np.uint8
    assert out.shape == pictures(8).shape
    assert sum(not np.array_equal(a, b) for a, b in zip(out, pictures(8), strict=True)) >= 4


def test_flips_are_exact() -> None:
    always = ImageAugmentation(flip_horizontal=1.0)
    out = augment_images(pictures(), always, np.random.default_rng(1))
    np.testing.assert_array_equal(out, pictures()[:, :, ::-1])


def test_result_depends_on_the_generator_alone_in_any_thread() -> None:
    def run(seed: int) -> bytes:
        return augment_images(pictures(), STRONG, np.random.default_rng(seed)).tobytes()

    alone = [run(seed) for seed in range(4)]
    assert len(set(alone)) == 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, [*range(4)] * 6)) == alone * 6


def test_strength_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"image_augmentation.blur is 1.5; allowed: 0 to 1"):
        ImageAugmentation(blur=1.5)
    with pytest.raises(ConfigError, match=r"rotate_deg is -1"):
        ImageAugmentation(rotate_deg=-1)


@pytest.mark.train
def test_recipe_keeps_it_and_batches_use_it() -> None:
    recipe = replace(tiny_recipe(batch_size=4), image_augmentation=ImageAugmentation())
    assert from_plain(Recipe, to_plain(recipe), "recipe") == recipe
    part = LabelledCrops(pictures(8), np.arange(8, dtype=np.float32))
    for crops, labels in batches(part, recipe, 0):
        rows = labels.numpy().astype(int)
        np.testing.assert_array_equal(crops.numpy(), pictures(8)[rows])
    mirrored = replace(recipe, image_augmentation=ImageAugmentation(flip_vertical=1.0))
    crops, labels = next(batches(part, mirrored, 0))
    np.testing.assert_array_equal(crops, pictures(8)[labels.numpy().astype(int)][:, ::-1])


def test_clahe_spreads_lightness_and_keeps_black_and_hue() -> None:
    image, mask = draw_cell("trophozoite", 3, 64)
    # A pale, flat cell: a third of the contrast.
    cell = (150 + image.astype(int) // 3).astype(np.uint8) * mask[:, :, None].astype(np.uint8)
    out = even_contrast(cell)
    assert not out[~mask].any()
    assert out[mask].std() > 1.2 * cell[mask].std()
    warmth = [x[mask][:, 0].astype(int).mean() - x[mask][:, 1].mean() for x in (cell, out)]
    assert np.sign(warmth[0]) == np.sign(warmth[1])


def test_contrast_is_off_unless_the_manifest_asks() -> None:
    crop = pictures(1, 60)[0] // 4 + 90
    plain = prepare_crop(crop, from_plain(Preprocessing, {"size_px": 32}, "preprocessing"))
    even = prepare_crop(crop, Preprocessing(32, contrast="clahe"))
    np.testing.assert_array_equal(even, even_contrast(plain))
    assert not np.array_equal(even, plain)
    with pytest.raises(ManifestError, match=r"preprocessing.contrast is 'gamma'"):
        Preprocessing(32, contrast="gamma")


def test_manifest_names_contrast_only_where_it_is_used() -> None:
    manifest = parse_manifest((SHIPPED / "manifest.json").read_text())
    assert manifest.preprocessing.contrast == "none"
    assert '"contrast"' not in format_manifest(manifest)
    even = replace(manifest, preprocessing=replace(manifest.preprocessing, contrast="clahe"))
    assert parse_manifest(format_manifest(even)) == even
