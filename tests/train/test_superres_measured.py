"""Systems on pairs, what is kept of it, means with intervals, and the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import DataError
from edge.contract.images import encode_image
from edge.contract.types import U8Array
from tests.support.dataset_layouts import write_iml
from tests.support.drawn_dataset import write_dataset
from train.recipe_parts import FitSpec
from train.superres.degrade import halve
from train.superres.evaluate import (
    CELLS_PER_PATIENT,
    FIELD_PX,
    PAIR_SETS,
    Pair,
    evaluate,
    load_pairs,
)
from train.superres.measured import MEASURES, PLACES, Measured, add_measured, read_all_measured
from train.superres.measures import quality
from train.superres.networks import INTERPOLATIONS
from train.superres.pairs import cell_mask
from train.superres.recipe import EnhancerRecipe, EnhancerSpec

Run = Callable[..., tuple[int, str, str]]
RECIPE = EnhancerRecipe(0, 3, EnhancerSpec("espcn", 4), FitSpec(1, 2, 1e-3), steps=1, patch_px=8)


def pair(seed: int, patient: str = "P1", masked: bool = True) -> Pair:
    high = np.random.default_rng(seed).integers(0, 256, (14, 18, 3), np.uint8)
    mask = np.zeros((14, 18), bool)
    mask[4:9, 4:9] = True
    return Pair(f"cell{seed}", patient, high, halve(high), mask if masked else None)


def nearest(image: U8Array) -> U8Array:
    return image.repeat(2, axis=0).repeat(2, axis=1)


SYSTEMS = {"bicubic": INTERPOLATIONS["bicubic"], "nearest": nearest}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("data"), patients=240, cells=1)
    (root / "nih-cells").rename(root / "all")
    for name in ("nih-cells", "nih-cells-lossless"):
        (root / name).symlink_to(root / "all")
    return root


def test_every_system_is_measured_on_every_pair() -> None:
    pairs = [pair(seed) for seed in range(3)]
    told: list[str] = []
    found = evaluate(SYSTEMS, pairs, lambda name, _values: told.append(name))
    assert told == list(SYSTEMS) == list(found.values)
    assert found.name.tolist() == ["cell0", "cell1", "cell2"]
    whole, inside = quality(pairs[1].high, nearest(pairs[1].low), pairs[1].mask)
    expected = [[getattr(place, key) for key in MEASURES] for place in (whole, inside)]
    np.testing.assert_allclose(found.values["nearest"][1], expected, rtol=1e-6)
    assert found.column("nearest", "inside", "ssim_y")[1] == pytest.approx(inside.ssim_y)
    np.testing.assert_allclose(
        found.gain("nearest", "whole", "psnr_rgb"),
        found.column("nearest", "whole", "psnr_rgb") - found.column("bicubic", "whole", "psnr_rgb"),
    )


def test_a_system_that_gives_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="expected the same"):
        evaluate({"none": lambda image: image}, [pair(0)])


def measured(values: list[float], patients: list[str], system: str = "net") -> Measured:
    column = np.array(values, np.float32)[:, None, None]
    filled = np.broadcast_to(column, (len(values), len(PLACES), len(MEASURES)))
    names = np.array([f"c{row}" for row in range(len(values))])
    return Measured(names, np.array(patients), {"bicubic": 0 * filled, system: filled})


def test_mean_is_over_images_and_its_interval_over_patients() -> None:
    found = measured([1, 1, 1, 5], ["A", "A", "A", "B"])
    figure = found.mean(found.gain("net", "whole", "psnr_rgb"))
    assert figure is not None
    assert figure.value == 2 and (figure.n, figure.n_groups) == (4, 2)
    # Drawn are A and A (1), A and B (2), or B and B (5).
    assert (figure.ci_low, figure.ci_high) == (1, 5)
    assert "too few" in figure.note
    same = measured([2.5] * 200, [f"P{row % 20}" for row in range(200)])
    sure = same.mean(same.column("net", "inside", "ssim_rgb"))
    assert sure is not None and (sure.ci_low, sure.value, sure.ci_high) == (2.5, 2.5, 2.5)
    assert not sure.note


def test_images_without_a_mask_are_not_counted_inside() -> None:
    pairs = [pair(0, "A"), pair(1, "B", masked=False)]
    found = evaluate(SYSTEMS, pairs)
    inside = found.mean(found.column("nearest", "inside", "psnr_rgb"))
    assert inside is not None and (inside.n, inside.n_groups) == (1, 1)
    alone = evaluate(SYSTEMS, pairs[1:])
    assert alone.mean(alone.column("nearest", "inside", "psnr_rgb")) is None


def test_file_holds_what_was_measured_and_takes_more_systems(tmp_path: Path) -> None:
    pairs = [pair(0, "A"), pair(1, "B", masked=False)]
    first = evaluate(SYSTEMS, pairs)
    first.about["nearest"] = "each pixel four times"
    add_measured(tmp_path / "set.npz", first)
    add_measured(tmp_path / "set.npz", evaluate({"lanczos": INTERPOLATIONS["lanczos"]}, pairs))
    found = read_all_measured(tmp_path)["set"]
    assert set(found.values) == {"bicubic", "nearest", "lanczos"}
    assert found.about == {"nearest": "each pixel four times"}
    assert found.name.tolist() == ["cell0", "cell1"] and found.n_patients == 2
    np.testing.assert_allclose(found.values["nearest"], first.values["nearest"], atol=6e-5)
    assert np.isnan(found.values["lanczos"][1, 1]).all()
    assert not list(tmp_path.glob("*.part*"))
    assert read_all_measured(tmp_path / "nowhere") == {}


def test_systems_of_other_images_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    add_measured(path, evaluate(SYSTEMS, [pair(0)]))
    before = path.read_bytes()
    with pytest.raises(DataError, match="measure every system again"):
        add_measured(path, evaluate(SYSTEMS, [pair(1)]))
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_file_that_holds_no_figures_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match="holds no figures"):
        read_all_measured(tmp_path)


def test_arrays_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    for number, values in enumerate(
        ({"net": np.zeros((1, 2, 4), np.float32)}, {"bicubic": np.zeros((2, 2, 4), np.float32)})
    ):
        path = tmp_path / f"set{number}.npz"
        add_measured(path, Measured(np.array(["a"]), np.array(["A"]), values))
        with pytest.raises(DataError, match="do not fit"):
            read_all_measured(tmp_path)
        path.unlink()


def test_cells_are_of_held_out_patients_and_the_same_for_every_recipe(data: Path) -> None:
    pairs = load_pairs("nih-cells", RECIPE, data)
    again = load_pairs(
        "nih-cells", EnhancerRecipe(0, 8, RECIPE.model, RECIPE.fit, high_px=48), data
    )
    other = load_pairs("nih-cells", EnhancerRecipe(1, 3, RECIPE.model, RECIPE.fit), data)
    assert [found.name for found in pairs] == [found.name for found in again]
    assert all(np.array_equal(a.high, b.high) for a, b in zip(pairs, again, strict=True))
    patients = {found.patient for found in pairs}
    assert len(patients) == 31 and not patients & {found.patient for found in other}
    assert len(pairs) <= 31 * CELLS_PER_PATIENT
    for found in pairs:
        assert found.mask is not None and found.mask.any()
        assert not found.high[~found.high.any(axis=2)].any() and not found.mask[0].any()
        np.testing.assert_array_equal(found.low, halve(found.high))


def test_inside_is_away_from_the_edge_and_knows_noise_in_the_black() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:30, 10:30] = (180, 120, 140)
    noise = np.random.default_rng(0).integers(0, 31, image.shape, np.uint8)
    spoilt = np.where(image > 0, image, noise).astype(np.uint8)
    for seen in (image, spoilt):
        mask = cell_mask(seen)
        assert mask[15:25, 15:25].all() and mask.sum() == 100
        # Nothing of the hard edge is left in a flat cell, whichever the kernel.
        for enlarge in (INTERPOLATIONS["bicubic"], INTERPOLATIONS["bicubic-pillow"]):
            _, inside = quality(seen, enlarge(halve(seen)), mask)
            assert inside.psnr_rgb > 49
    assert not cell_mask(noise).any()


def test_cells_are_brought_to_a_size_or_spoilt_where_the_set_says_so(data: Path) -> None:
    small, spoilt = (
        load_pairs(name, RECIPE, data) for name in ("nih-cells-48", "nih-cells-realistic")
    )
    assert {found.high.shape for found in small} == {(48, 48, 3)}
    assert {found.low.shape for found in small} == {(24, 24, 3)}
    again = load_pairs("nih-cells-realistic", RECIPE, data)
    assert not np.array_equal(spoilt[0].low, halve(spoilt[0].high))
    assert all(np.array_equal(a.low, b.low) for a, b in zip(spoilt, again, strict=True))


def test_fields_give_their_middle_and_have_no_mask(tmp_path: Path) -> None:
    pairs = load_pairs("iml-fields", RECIPE, write_iml(tmp_path))
    assert len(pairs) == 10 and {found.patient for found in pairs} == {
        f"block{number}" for number in range(10)
    }
    # The drawn fields are smaller than the piece that is cut of real ones.
    side = min(FIELD_PX, 120)
    assert {found.high.shape for found in pairs} == {(side, side, 3)}
    assert all(found.mask is None for found in pairs)
    halved = load_pairs("iml-fields-half", RECIPE, tmp_path)
    assert {found.high.shape for found in halved} == {(side // 2, side // 2, 3)}
    assert [found.name for found in halved] == [found.name for found in pairs]


@pytest.mark.data
@pytest.mark.parametrize("name", PAIR_SETS)
def test_every_set_is_there(name: str) -> None:
    pairs = load_pairs(name, RECIPE)
    assert len(pairs) == len({found.name for found in pairs}) >= 80
    assert all(found.high.shape[0] == 2 * found.low.shape[0] for found in pairs)


@pytest.mark.train
def test_command_measures_runs_and_makes_a_sheet(
    data: Path, tmp_path: Path, clinicscope: Run
) -> None:
    run_dir = _fitted(tmp_path / "superres-tiny", data)
    out, options = tmp_path / "measured", ("--data", str(data))
    code, said, _ = clinicscope(
        "train", "superres", "evaluate", str(run_dir), "--set", "nih-cells-48",
        "--out", str(out), *options,
    )  # fmt: skip
    assert code == 0 and "nih-cells-48  tiny" in said
    found = read_all_measured(out)["nih-cells-48"]
    assert set(found.values) == {*INTERPOLATIONS, "tiny"} and "parameters" in found.about["tiny"]
    sheet = tmp_path / "sheet"
    code, said, _ = clinicscope(
        "train", "superres", "sheet", str(run_dir), "--count", "3", "--out", str(sheet), *options
    )
    assert code == 0 and str(sheet / "index.html") in said
    cells = sorted(path for path in sheet.iterdir() if path.is_dir())
    assert len(cells) == 3
    names = [path.name for path in sorted(cells[0].iterdir())]
    assert names[0] == "0-half.webp" and names[1] == "1-bicubic.webp"
    assert names[-2:] == ["5-tiny.webp", "6-true.webp"]
    page = (sheet / "index.html").read_text()
    assert f"{cells[0].name}/5-tiny.webp" in page and "inside the cell" in page


@pytest.mark.train
def test_command_refuses_what_cannot_be_compared(
    data: Path, tmp_path: Path, clinicscope: Run
) -> None:
    first, second = (_fitted(tmp_path / f"fold{fold}", data, fold) for fold in (0, 1))
    leaking = _fitted(tmp_path / "leak", data, 0, parts=("train", "test"))
    evaluating, out = ("train", "superres", "evaluate"), ("--out", str(tmp_path / "out"))
    code, _, told = clinicscope(*evaluating, str(first), str(second), *out)
    assert code != 0 and "folds [0, 1]" in told
    code, _, told = clinicscope(*evaluating, str(leaking), *out)
    assert code != 0 and "fitted on test cells" in told
    path = first / "recipe.json"
    path.write_text(
        path.read_text()
        .replace('"fields": []', '"fields": ["iml-fields"]')
        .replace('"fields_share": 0.0', '"fields_share": 0.5')
    )
    code, _, told = clinicscope(*evaluating, str(first), *out)
    assert code != 0 and "fitted on iml-fields; choose others" in told
    code, _, told = clinicscope(*evaluating, str(first), "--set", "nothing", *out)
    assert code != 0 and "nih-cells-224" in told
    code, _, told = clinicscope("train", "superres", "sheet", str(first), "--set", "nothing", *out)
    assert code != 0 and "nih-cells-224" in told
    code, _, told = clinicscope(*evaluating, str(tmp_path), *out)
    assert code != 0 and "recipe.json" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.train
def test_sheet_of_given_pictures(data: Path, tmp_path: Path, clinicscope: Run) -> None:
    run_dir, images = _fitted(tmp_path / "tiny", data), tmp_path / "images"
    images.mkdir()
    making = ("train", "superres", "sheet", str(run_dir), "--images", str(images))
    code, _, told = clinicscope(*making, "--out", str(tmp_path / "out"))
    assert code != 0 and "holds no image" in told
    (images / "odd.png").write_bytes(encode_image(pair(1).high[:13, :17]))
    code, _, _ = clinicscope(*making, "--out", str(tmp_path / "out"))
    assert code == 0 and (tmp_path / "out/odd/6-true.webp").is_file()
    (images / "broken.png").write_bytes(b"text")
    code, _, told = clinicscope(*making, "--out", str(tmp_path / "out"))
    assert code != 0 and "broken.png" in told


def _fitted(run_dir: Path, data: Path, fold: int = 0, parts: tuple[str, ...] = ("train",)) -> Path:
    from dataclasses import replace

    from train.superres.fit import fit_enhancer

    fit_enhancer(replace(RECIPE, held_out_fold=fold, parts=parts), run_dir, data=data)
    return run_dir
