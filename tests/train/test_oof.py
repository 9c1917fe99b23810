"""Out-of-fold files: every example once, and refused rather than written with a gap or a leak."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import DataError
from tests.support.drawn_dataset import write_dataset
from tests.support.drawn_records import write_fold, write_folds
from train.cli import train
from train.datasets.base import Example, list_examples
from train.oof import join, read_members, write_oof
from train.scores import Scores, read_npz_scores, write_scores


def change(path: Path, **given: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | given))


def test_every_example_once_with_its_fold_and_the_mean_logit(tmp_path: Path) -> None:
    runs = [write_folds(tmp_path / "a"), write_folds(tmp_path / "b", seed=1)]
    arrays = join(read_members(runs))
    assert len(arrays["file"]) == len(set(arrays["file"].tolist())) == 480
    assert arrays["file"].tolist() == sorted(arrays["file"].tolist())
    both = [read_npz_scores(run / "fold3" / "held_out.npz") for run in runs]
    row = arrays["file"].tolist().index(both[0].name[5])
    assert arrays["fold"][row] == 3
    assert arrays["logit"][row] == pytest.approx((both[0].logit[5] + both[1].logit[5]) / 2)


def test_command_writes_arrays_without_pickles(tmp_path: Path) -> None:
    folds = [str(write_fold(tmp_path / "run" / f"fold{k}", k)) for k in range(5)]
    done = CliRunner().invoke(
        train, ["oof", *folds, "--out", str(tmp_path / "x" / "o.npz")], env={"CLINICSCOPE_DATA": ""}
    )
    assert done.exit_code == 0, done.output
    assert "480 examples" in done.output
    with np.load(tmp_path / "x" / "o.npz", allow_pickle=False) as file:
        assert set(file.files) == {"file", "logit", "fold"}
        assert file["logit"].dtype == np.float32
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["o.npz"]
    write_oof(tmp_path / "again.npz", join(read_members([tmp_path / "run"])))
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "x" / "o.npz").read_bytes()


def test_a_missing_fold_is_a_gap(tmp_path: Path) -> None:
    for k in (0, 1, 2, 4):
        write_fold(tmp_path / "run" / f"fold{k}", k)
    with pytest.raises(DataError, match=r"lacks 8 patients.*are all folds there"):
        join(read_members([tmp_path / "run"]))


def test_an_example_held_out_twice_is_refused(tmp_path: Path) -> None:
    run = write_folds(tmp_path / "run")
    write_fold(run / "fold9", 0)
    with pytest.raises(DataError, match="held out by two folds"):
        read_members([run])


def test_folds_of_different_recipes_are_not_mixed(tmp_path: Path) -> None:
    run = write_folds(tmp_path / "run")
    change(run / "fold2" / "recipe.json", seed=77)
    with pytest.raises(DataError, match=r"fold2 and .*fold0 are of different recipes"):
        read_members([run])


def test_a_patient_that_was_fitted_on_is_refused(tmp_path: Path) -> None:
    run = write_folds(tmp_path / "run")
    path = run / "fold1" / "held_out.npz"
    scores = read_npz_scores(path)
    fitted_on = json.loads((run / "fold1" / "split.json").read_text())["train"][0]
    write_scores(path, replace(scores, patient=np.append(scores.patient[1:], fitted_on)))
    with pytest.raises(DataError, match=rf"fitted on, e.g. \['{fitted_on}'\]"):
        join(read_members([run]))


def test_split_by_image_is_refused(tmp_path: Path) -> None:
    run = write_fold(tmp_path / "run", split="random-70-20-10")
    with pytest.raises(DataError, match="leaks patients"):
        join(read_members([run]))


def test_members_of_other_data_or_other_folds_are_refused(tmp_path: Path) -> None:
    first = write_folds(tmp_path / "a")
    with pytest.raises(DataError, match=r"is of data set cxr-pneumonia"):
        join(read_members([first, write_folds(tmp_path / "b", dataset="cxr-pneumonia")]))
    with pytest.raises(DataError, match="differ in their examples or folds"):
        join(read_members([first, write_folds(tmp_path / "c", n_folds=4)]))


def test_data_set_is_covered_cell_by_cell(tmp_path: Path) -> None:
    members = read_members([write_folds(tmp_path / "run")])
    assert members[0].scores is not None
    names = members[0].scores.name.tolist()
    examples = [Example(str(name), Path(), 0, "C1") for name in names]
    assert len(join(members, examples)["file"]) == 480
    with pytest.raises(DataError, match=r"differ in 1 examples, e.g. \['one_more'\]"):
        join(members, [*examples, Example("one_more", Path(), 0, "C1")])


def test_command_compares_with_the_data_at_hand(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", patients=2, cells=2)
    folds = write_folds(tmp_path / "run", n_folds=2, n_patients=2)
    by_patient: dict[str, list[str]] = {}
    for example in list_examples("nih-cells", root):
        by_patient.setdefault(example.patient, []).append(example.name)
    for k, patient in enumerate(("C1", "C2")):
        names = np.array(by_patient[patient])
        label = np.array([name.endswith("parasitised") for name in names], np.int8)
        scores = Scores(names, np.repeat(patient, 4), label, np.zeros(4, np.float32))
        write_scores(folds / f"fold{k}" / "held_out.npz", scores)
    out = tmp_path / "o.npz"
    arguments = ["oof", str(folds), "--out", str(out), "--data", str(root)]
    assert CliRunner().invoke(train, arguments).exit_code == 0
    next((root / "nih-cells" / "parasitised").iterdir()).unlink()
    failed = CliRunner().invoke(train, arguments)
    assert isinstance(failed.exception, DataError)
    assert "differ in 1 examples" in str(failed.exception)
