"""Scores read beside the other cells of a patient: what it gains, and what it must not use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError, DataError
from tests.support.drawn_records import write_fold, write_folds
from train.cli import train
from train.context import context_features, read_in_context, write_in_context
from train.evaluate import auc
from train.fit import fit
from train.recipe import PATIENT_CONTEXT, load_recipe
from train.runs import RECORDS_DIR, read_run
from train.scores import Scores


def drawn(seed: int = 0, patients: int = 60, cells: int = 30) -> tuple[Scores, np.ndarray]:
    """Half of the patients are healthy; each slide has an offset of its own."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), cells)
    label = (rng.random(len(owner)) < 0.5) & (owner % 2 == 0)
    logit = 4.0 * label - 2 + rng.normal(0, 1.5, len(owner)) + rng.normal(0, 1, patients)[owner]
    ids = np.array([f"C{number}" for number in owner])
    names = np.array([f"cell{row}" for row in range(len(owner))])
    scores = Scores(names, ids, label.astype(np.int8), logit.astype(np.float32))
    return scores, (owner // 2 % 5).astype(np.int8)


def test_context_helps_where_slides_differ() -> None:
    scores, fold = drawn()
    alone = auc(scores.logit.astype(float), scores.label > 0)
    together = auc(read_in_context(scores, fold).astype(float), scores.label > 0)
    assert together > alone + 0.01


def test_own_labels_change_nothing() -> None:
    scores, fold = drawn()
    turned = Scores(
        scores.name,
        scores.patient,
        np.where(fold == 0, 1 - scores.label, scores.label),
        scores.logit,
    )
    first, second = read_in_context(scores, fold), read_in_context(turned, fold)
    np.testing.assert_array_equal(first[fold == 0], second[fold == 0])
    assert np.abs(first[fold == 1] - second[fold == 1]).max() > 0.01


def test_features_are_of_the_patients_other_cells() -> None:
    logit = np.array([-3, -3, -3, -3, 5, 5, -1], np.float32)
    patient = np.array(["a"] * 5 + ["b"] * 2)
    found = context_features(logit, patient)
    np.testing.assert_array_equal(found[:, 0], logit)
    # The cell's own score is not among those it is read beside.
    share = (4 / (1 + np.exp(3)) + 5) / (4 + 10)
    assert found[4, 1] == pytest.approx(np.log(share / (1 - share)))
    assert found[:5, 2].tolist() == [-3] * 5
    # One healthy-looking cell is no majority: that of all cells stands in.
    assert found[5, 2] == -3


def test_record_in_context_is_read_as_any_other(tmp_path: Path) -> None:
    write_folds(tmp_path / "run")
    done = CliRunner().invoke(
        train, ["context", str(tmp_path / "run"), "--out", str(tmp_path / "in-context")]
    )
    assert done.exit_code == 0, done.output
    run, before = read_run(tmp_path / "in-context"), read_run(tmp_path / "run")
    assert run.recipe.context == PATIENT_CONTEXT
    assert run.scores is not None and before.scores is not None
    assert run.scores.name.tolist() == before.scores.name.tolist()
    assert np.abs(run.scores.logit - before.scores.logit).max() > 0.01
    with pytest.raises(ConfigError, match="exists"):
        write_in_context(tmp_path / "run", tmp_path / "in-context")
    with pytest.raises(ConfigError, match="in context already"):
        write_in_context(tmp_path / "in-context", tmp_path / "twice")


def test_what_cannot_be_read_in_context_is_refused(tmp_path: Path) -> None:
    write_fold(tmp_path / "one/fold0")
    with pytest.raises(DataError, match="one fold"):
        write_in_context(tmp_path / "one", tmp_path / "out")
    write_folds(tmp_path / "stages", dataset="iml-stages", task="malaria-stages", n_classes=4)
    with pytest.raises(DataError, match="two classes"):
        write_in_context(tmp_path / "stages", tmp_path / "out")
    scores, fold = drawn()
    with pytest.raises(DataError, match="one class"):
        read_in_context(
            Scores(scores.name, scores.patient, np.zeros_like(scores.label), scores.logit), fold
        )
    assert not (tmp_path / "out").exists()


def test_recipe_in_context_cannot_be_fitted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train context"):
        fit(load_recipe("malaria-cells", {"context": PATIENT_CONTEXT}), tmp_path)
    with pytest.raises(ConfigError, match="slide"):
        load_recipe("malaria-cells", {"context": "slide"})


def test_shipped_record_in_context_is_made_from_the_shipped_teacher(tmp_path: Path) -> None:
    shipped = read_run(RECORDS_DIR / "malaria-cells-teacher-in-context")
    made = write_in_context(RECORDS_DIR / "malaria-cells-teacher", tmp_path / "made")
    assert shipped.scores is not None and made.scores is not None
    np.testing.assert_allclose(made.scores.logit, shipped.scores.logit, atol=1e-4)
