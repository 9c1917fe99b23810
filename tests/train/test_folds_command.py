"""`train folds`: what it writes is what fits read, and it replaces nothing unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.drawn_dataset import write_dataset
from train import splits
from train.datasets.base import list_examples
from train.splits import load_split, make_folds, n_folds_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture()
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folds").mkdir()
    monkeypatch.setattr(splits, "FOLDS_DIR", tmp_path / "folds")
    return write_dataset(tmp_path / "data", patients=15, cells=1)


def test_folds_are_written_and_told(data: Path, clinicscope: Run) -> None:
    assert n_folds_of("nih-cells") == 0
    code, said, err = clinicscope("train", "folds", "nih-cells", "--data", data, "--seed", 4)
    assert code == 0, err
    path = splits.FOLDS_DIR / "nih-cells.json"
    content = json.loads(path.read_text())
    assert content["seed"] == 4
    assert content["folds"] == make_folds(list_examples("nih-cells", data), 5, 4)
    assert n_folds_of("nih-cells") == 5
    assert str(path) in said
    lines = [line.split() for line in said.splitlines() if line.startswith("fold ")]
    assert len(lines) == 15
    tested = [line for line in lines if line[2] == "test"]
    assert tested[0][3:] == ["3", "uninfected,", "3", "parasitised"]
    assert len(load_split("nih-cells", 0).test) == 3


def test_folds_that_are_there_stay_unless_forced(data: Path, clinicscope: Run) -> None:
    words = ["train", "folds", "nih-cells", "--data", data]
    assert clinicscope(*words)[0] == 0
    path = splits.FOLDS_DIR / "nih-cells.json"
    before = path.read_text()
    code, _, err = clinicscope(*words, "--folds", 3)
    assert code != 0
    assert "nih-cells.json is there" in err
    assert path.read_text() == before
    code, _, err = clinicscope(*words, "--folds", 3, "--force")
    assert code == 0, err
    assert n_folds_of("nih-cells") == 3


def test_report_counts_as_many_folds_as_there_are(
    data: Path, tmp_path: Path, clinicscope: Run
) -> None:
    assert clinicscope("train", "folds", "nih-cells", "--data", data, "--folds", 3)[0] == 0
    out = tmp_path / "report.html"
    code, _, err = clinicscope("train", "report", "nih-cells", "--data", data, "--out", out)
    assert code == 0, err
    assert "in 3 folds by patient" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("moon",), "data set is 'moon'; known: "),
        (("nih-cells", "--folds", "11"), "15 patients, too few for 11 folds"),
        (("nih-cells", "--folds", "1"), "1 is not in the range"),
        (("iml-cells",), "data set iml-cells is not at"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(
    words: tuple[str, ...], said: str, data: Path, clinicscope: Run
) -> None:
    code, _, err = clinicscope("train", "folds", *words, "--data", data)
    assert code != 0
    assert said in err
    assert not list(splits.FOLDS_DIR.iterdir())
