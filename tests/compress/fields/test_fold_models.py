"""The folds' networks: kept, found, opened, and made of fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compress.fields.fold_models import FoldModels, read_fold_models, write_fold_models
from compress.fits import fit_all
from compress.lab_recipe import load_lab_recipe
from edge.contract.errors import ConfigError
from tests.edge.runtimes.drawn_networks import SIZE_PX
from tests.support.drawn_fields import write_models
from tests.support.drawn_lab import drawn_lab

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture()
def models(tmp_path: Path) -> FoldModels:
    write_models(tmp_path)
    return read_fold_models(tmp_path)


def test_what_was_written_is_read_and_runs(models: FoldModels) -> None:
    assert [model.fold for model in models.family("malaria-cells")] == [0, 1, 2, 3, 4]
    model = models.model("malaria-stages-student", 3)
    runtime = models.open(model)
    assert runtime.run(np.zeros((2, SIZE_PX, SIZE_PX, 3), np.uint8)).logits.shape == (2, 4)
    runtime.close()
    scores = models.held_out(models.model("malaria-cells", 2))
    assert set(scores.patient.tolist()) == {"C20", "C21", "C22", "C23"}


def test_other_families_stay_when_one_is_made_again(models: FoldModels) -> None:
    again = write_fold_models(models.folder, [])
    assert again == models


def test_changed_file_and_unknown_names_are_refused(models: FoldModels) -> None:
    model = models.model("malaria-cells", 1)
    (models.folder / model.weights.file).write_bytes(b"else")
    with pytest.raises(ConfigError, match=r"fold1\.tflite is missing or another file"):
        models.open(model)
    with pytest.raises(ConfigError, match="no networks of 'x'; known: malaria-cells"):
        models.family("x")
    with pytest.raises(ConfigError, match="no fold 7 of malaria-cells"):
        models.model("malaria-cells", 7)


def test_missing_or_broken_index_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compress fold-models"):
        read_fold_models(tmp_path)
    (tmp_path / "models.json").write_text('[{"family": "x"}]')
    with pytest.raises(ConfigError, match="model 0 lacks"):
        read_fold_models(tmp_path)


@pytest.mark.train
def test_networks_are_made_of_fits_and_thresholds_of_the_other_folds(
    clinicscope: Run, tmp_path: Path
) -> None:
    # Some 20 s: two folds of two tiny networks are fitted.
    with drawn_lab(tmp_path / "lab") as lab:
        fit_all(load_lab_recipe(str(lab.recipe)), lab.out, data=lab.data)
        code, out, err = clinicscope(
            "compress", "fold-models", lab.recipe, "--records", lab.out, "--work", lab.out,
            "--out", tmp_path / "models", "--data", lab.data,
        )  # fmt: skip
    assert code == 0, err
    made = read_fold_models(tmp_path / "models")
    assert [model.source for model in made.family("student")] == ["student/fold0", "student/fold1"]
    assert made.model("student", 0).chosen_on.startswith("nih-cells, held-out patients of folds 1,")
    assert all(0 < (model.threshold or 0) < 1 for model in made.models)
    assert "student/fold1.tflite" in out
    runtime = made.open(made.model("student", 1))
    assert runtime.run(np.zeros((3, 32, 32, 3), np.uint8)).logits.shape == (3,)
    runtime.close()
