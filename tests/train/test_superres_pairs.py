"""What a cheaper camera sees, and patches of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError, DataError
from edge.contract.images import encode_image
from edge.contract.types import U8Array
from tests.support.drawn_enhancer_lab import DrawnEnhancerLab, drawn_enhancer_lab
from train.recipe_parts import FitSpec
from train.splits import load_split
from train.superres.degrade import DegradeSpec, degrade, halve
from train.superres.pairs import (
    HighRes,
    Patches,
    cell_mask,
    even,
    load_fields,
    load_high_res,
)
from train.superres.recipe import (
    LOSSLESS,
    NEAR_LOSSLESS,
    EnhancerRecipe,
    EnhancerSpec,
    load_enhancer_recipe,
)

REALISTIC = DegradeSpec("realistic")
RECIPE = EnhancerRecipe(
    held_out_fold=0,
    seed=3,
    model=EnhancerSpec("espcn", width=4),
    fit=FitSpec(epochs=1, batch_size=6, learning_rate=1e-3),
    patch_px=16,
    steps=2,
)


def noise(height: int, width: int, seed: int = 0) -> U8Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def high_res(source: str, image: U8Array, name: str = "cell") -> HighRes:
    return HighRes(name, "C1", 0, source, image)


def test_halving_is_pillow_s_antialiased_bicubic() -> None:
    image = noise(30, 22)
    expected = np.asarray(Image.fromarray(image).resize((11, 15), Image.Resampling.BICUBIC))
    assert np.array_equal(halve(image), expected)


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (0, 2)])
def test_odd_sides_are_refused(size: tuple[int, int]) -> None:
    for spec in (DegradeSpec(), REALISTIC):
        with pytest.raises(DataError, match="only even sides"):
            degrade(noise(*size), spec, np.random.default_rng(0))


def test_the_chain_does_more_harm_and_depends_on_its_draw_alone() -> None:
    image = even(draw_cell("ring", 4, 64)[0], 64)
    clean = halve(image).astype(float)
    made = [degrade(image, REALISTIC, np.random.default_rng(seed)) for seed in range(8)]
    assert all(one.shape == (32, 32, 3) and one.dtype == np.uint8 for one in made)
    assert min(np.abs(one - clean).mean() for one in made) > 0.3
    assert len({one.tobytes() for one in made}) == 8
    again = degrade(image, REALISTIC, np.random.default_rng(0))
    assert np.array_equal(again, made[0])
    spared = degrade(image, replace(REALISTIC, clean_share=1.0), np.random.default_rng(0))
    assert np.array_equal(spared, halve(image))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "worse"}, "kind is 'worse'"),
        ({"clean_share": 1.5}, "clean_share is 1.5"),
        ({"noise": (3.0, 1.0)}, "noise is 3.0 to 1.0"),
        ({"jpeg_quality": (0, 50)}, "jpeg_quality"),
    ],
)
def test_impossible_degradations_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DegradeSpec(**settings)  # type: ignore[arg-type]


def test_pictures_get_even_sides() -> None:
    assert even(noise(5, 8)).shape == (4, 8, 3)
    assert even(noise(5, 9), 48).shape == (48, 48, 3)
    with pytest.raises(DataError, match="1x7"):
        even(noise(7, 1))


def test_the_mask_keeps_off_the_edge_and_off_noise_in_the_black() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[10:50, 10:50] = (200, 120, 150)
    image[2, 2] = 30
    mask = cell_mask(image)
    assert mask[30, 30] and not mask[:14].any() and not mask[2, 2]
    assert not cell_mask(np.zeros((20, 20, 3), np.uint8)).any()


def test_patches_are_the_same_for_a_seed_and_come_from_every_source() -> None:
    white, grey = np.full((80, 80, 3), 255, np.uint8), np.full((80, 80, 3), 90, np.uint8)
    field = np.full((300, 300, 3), 40, np.uint8)
    recipe = replace(RECIPE, fields=("bccd-fields",), fields_share=0.4, shrink=(0.5, 1.0), steps=12)
    cells = [high_res(LOSSLESS, white), high_res(NEAR_LOSSLESS, grey)]
    patches = Patches([*cells, high_res("bccd-fields", field)], recipe)
    first, again = (list(patches.batches(1)) for _ in range(2))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert {int(high.max()) for _, batch in first for high in batch} == {255, 90, 40}
    low, high = first[0]
    assert low.shape == (6, 16, 16, 3) and high.shape == (6, 32, 32, 3)


def test_a_patch_is_what_its_low_one_was_made_of() -> None:
    patches = Patches([high_res(LOSSLESS, noise(96, 96))], RECIPE)
    for low, high in patches.batches(0):
        for one, good in zip(low, high, strict=True):
            assert np.abs(halve(good)[2:-2, 2:-2].astype(int) - one[2:-2, 2:-2]).max() <= 1


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(DataError, match="no picture to fit on"):
        Patches([], RECIPE)
    with pytest.raises(DataError, match="none of 1 pictures is of"):
        Patches([high_res("bccd-fields", noise(64, 64))], RECIPE)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnEnhancerLab:
    with drawn_enhancer_lab(tmp_path_factory.mktemp("pairs")) as lab:
        yield lab  # type: ignore[misc]


def test_parts_hold_their_own_patients_and_one_class_where_asked(drawn: DrawnEnhancerLab) -> None:
    split = load_split(NEAR_LOSSLESS, 0)
    for part in ("train", "validation", "test"):
        cells = load_high_res(RECIPE, part, drawn.data)
        assert cells and {cell.patient for cell in cells} <= set(getattr(split, part))
        assert {cell.source for cell in cells} == {NEAR_LOSSLESS, LOSSLESS}
    healthy = load_high_res(replace(RECIPE, label=0), "train", drawn.data)
    assert {cell.label for cell in healthy} == {0}
    few = load_high_res(replace(RECIPE, cells_per_patient=1), "train", drawn.data)
    near = [cell.patient for cell in few if cell.source == NEAR_LOSSLESS]
    assert len(near) == len(set(near))


def test_fields_are_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "bccd-fields" / "images"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(encode_image(noise(41, 50)))
    recipe = replace(RECIPE, fields=("bccd-fields",), fields_share=0.5)
    (field,) = load_fields(recipe, tmp_path)
    assert field.image.shape == (40, 50, 3)
    assert (field.source, field.label) == ("bccd-fields", -1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"patch_px": 12}, "patch_px is 12"),
        ({"steps": 0}, "steps is 0"),
        ({"lossless_share": 2.0}, "lossless_share is 2.0"),
        ({"fields_share": 0.5}, "fields_share 0.5; both or none"),
        ({"shrink": (0.0, 1.0)}, "shrink is"),
        ({"high_px": 47}, "high_px is 47"),
        ({"parts": ("all",)}, "parts has"),
        ({"loss": "l3"}, "loss is 'l3'"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"fit": FitSpec(1, 2, 0.1, schedule="plateau")}, "plateau"),
        ({"fit": FitSpec(1, 2, 0.1, label_smoothing=0.1)}, "label_smoothing"),
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(RECIPE, **change)  # type: ignore[arg-type]


def test_recipes_are_read_strictly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe 'nothing'; shipped: .*rcan"):
        load_enhancer_recipe("nothing")
    for text, said in (("a = [", "is not TOML"), ("held_out_fold = 0\ncolour = 1", "colour")):
        path = tmp_path / "one.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            load_enhancer_recipe(str(path))
    assert load_enhancer_recipe("rcan", {"fit.epochs": 3}).fit.epochs == 3
