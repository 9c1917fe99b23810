"""Data sets, folds and recipes: by patient, strict, and clear about what is wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from compress.tables import RECORDS_DIR as COMPRESSION_RECORDS
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain
from tests.conftest import SHIPPED
from tests.support.drawn_dataset import write_dataset
from train import splits
from train.augment import Augmentation, augment
from train.datasets.base import Example, data_root, list_examples, load_crops
from train.datasets.nih_cells import patient_of
from train.recipe import RECIPES_DIR, Recipe, load_recipe
from train.splits import Split, check_covered, load_split, make_folds


def examples(patients: int = 30) -> list[Example]:
    rng = np.random.default_rng(0)
    return [
        Example(f"C{p}_{n}", Path(), int(rng.random() < p / patients), f"C{p}")
        for p in range(patients)
        for n in range(20)
    ]


def test_folds_hold_each_patient_once_and_are_balanced() -> None:
    folds = make_folds(examples(), 5, 1)
    flat = [patient for fold in folds for patient in fold]
    assert sorted(flat) == sorted({example.patient for example in examples()})
    positives = [sum(e.label for e in examples() if e.patient in fold) for fold in folds]
    assert max(positives) <= 1.3 * min(positives)
    assert folds == make_folds(examples(), 5, 1)


@pytest.mark.parametrize("held_out", range(5))
def test_committed_folds_never_share_a_patient(held_out: int) -> None:
    split = load_split("nih-cells", held_out)
    parts = [set(split.train), set(split.validation), set(split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 159
    assert len(split.validation) >= 15


def test_five_test_folds_cover_every_patient_once() -> None:
    tested = [patient for k in range(5) for patient in load_split("nih-cells", k).test]
    assert len(tested) == len(set(tested)) == 159


def test_patient_in_two_parts_is_refused() -> None:
    with pytest.raises(DataError, match=r"patients \['C1'\] are in both train and test"):
        Split(("C1",), ("C2",), ("C1", "C3"))


def test_unknown_fold_and_data_set_are_refused() -> None:
    with pytest.raises(ConfigError, match="held_out fold is 9"):
        load_split("nih-cells", 9)
    with pytest.raises(ConfigError, match="no folds for data set 'moon'"):
        load_split("moon", 0)
    with pytest.raises(ConfigError, match="data set is 'moon'"):
        list_examples("moon", Path("/"))


def test_patient_that_no_fold_knows_is_refused() -> None:
    split = Split(("C1",), ("C2",), ("C3",))
    with pytest.raises(DataError, match=r"1 patients are in no fold: .'C9'"):
        check_covered(split, [Example("a", Path(), 0, "C9")])


def test_missing_data_folder_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINICSCOPE_DATA", raising=False)
    with pytest.raises(ConfigError, match="CLINICSCOPE_DATA"):
        data_root()


def test_patient_is_the_leading_id() -> None:
    assert patient_of("C47P8thin_IMG_1.webp") == "C47"
    assert patient_of("C13NThinF_IMG_2.webp") == "C13"
    with pytest.raises(DataError, match="no patient id"):
        patient_of("cell_1.webp")


def test_empty_class_is_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 2, 2)
    for path in (root / "nih-cells/uninfected").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no image labelled 'uninfected'"):
        list_examples("nih-cells", root)


def test_unreadable_images_are_named(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 2, 2)
    bad = next((root / "nih-cells/uninfected").iterdir())
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(DataError, match=f"1 images cannot be read: .*{bad.name}"):
        load_crops(list_examples("nih-cells", root), Preprocessing(64))


def test_crops_come_from_the_cache_the_second_time(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 2, 2)
    found = list_examples("nih-cells", root)
    first = load_crops(found, Preprocessing(64), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert np.array_equal(first, load_crops(found, Preprocessing(64), tmp_path / "cache"))


def test_augmentation_is_random_but_repeatable_and_keeps_the_outside_black() -> None:
    batch = np.zeros((8, 64, 64, 3), np.uint8)
    batch[:, 16:48, 16:48] = 180
    settings = Augmentation(background=0.0, jpeg=0.0, blur=0.0)
    first = augment(batch, settings, np.random.default_rng(3))
    assert np.array_equal(first, augment(batch, settings, np.random.default_rng(3)))
    assert not np.array_equal(first, augment(batch, settings, np.random.default_rng(4)))
    assert not first[:, :4].any()
    assert first[:, 24:40, 24:40].all()


def test_background_can_be_filled() -> None:
    batch = np.zeros((4, 64, 64, 3), np.uint8)
    batch[:, 16:48, 16:48] = 120
    filled = augment(batch, Augmentation(background=1.0), np.random.default_rng(0))
    assert filled[:, 0, 0].min() > 100


@pytest.mark.parametrize("path", sorted(RECIPES_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_loads(path: Path) -> None:
    assert load_recipe(path.stem).task


def test_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    text = (RECIPES_DIR / "malaria-cells.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("\nepochs = ", "\nepoch = "))
    with pytest.raises(ConfigError, match=r"fit has unknown keys .'epoch'"):
        load_recipe(str(path))
    path.write_text("task = ")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_recipe(str(path))
    with pytest.raises(ConfigError, match="no recipe 'nothing'"):
        load_recipe("nothing")


def test_shipped_bundle_comes_from_the_committed_fit() -> None:
    manifest = open_bundle(SHIPPED).manifest
    record = Path(splits.__file__).parent / "records/malaria-cells-fields/fold0"
    recipe = from_plain(Recipe, json.loads((record / "recipe.json").read_text()), "recipe.json")
    assert recipe == load_recipe("malaria-cells-fields")
    parent = sha256((record / "model.weights.h5").read_bytes()).hexdigest()
    second = Path(splits.__file__).parent / "records/malaria-novelty/fold0"
    finder = Path(splits.__file__).parent / "records/cell-finder/fold0"
    parents = {
        "classifier": parent,
        "novelty": sha256((second / "model.weights.h5").read_bytes()).hexdigest(),
        "finder": sha256((finder / "model.weights.h5").read_bytes()).hexdigest(),
    }
    assert all(weights.parent == parents[weights.role] for weights in manifest.weights)
    assert {weights.role for weights in manifest.weights} == set(parents)
    fitted = from_plain(Recipe, json.loads((second / "recipe.json").read_text()), "recipe.json")
    assert fitted == load_recipe("malaria-novelty")
    split = from_plain(Split, json.loads((record / "split.json").read_text()), "split.json")
    assert split == load_split("two-microscopes", 0)
    ids = (COMPRESSION_RECORDS / "malaria-cells-fields/representative_ids.txt").read_bytes()
    assert manifest.representative_set.ids_sha256 == sha256(ids).hexdigest()
    cells = [name for name in ids.decode().split() if "_IMG_" in name]
    assert cells
    assert {patient_of(name) for name in cells} <= set(split.train)
