"""From reviewed specimens on a device to a new bundle that says so, by the commands people type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from compress import fits
from compress.compressed import read_compressed
from compress.fits import fit_all
from compress.lab_recipe import Tuning, load_lab_recipe
from compress.tuned import network_of_fewer_channels
from compress.variant_files import FoldLab
from edge.cli import main
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError
from edge.store.store import Store
from tests.support.corrected_cells import export_of, review_specimen
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_lab import drawn_lab
from tests.support.drawn_task import drawn_task
from train.corrections import CORRECTIONS_FILE, read_run_corrections
from train.scores import read_npz_scores

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    # Fits and converters together take longer on a slow machine than a test may.
    pytest.mark.timeout(900),
]


def run(*words: object, home: Path) -> str:
    """What the program prints."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setenv("CLINICSCOPE_HOME", str(home))
        assert main([str(word) for word in words]) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With `device` and `export` of two reviewed specimens, `with` and `without` them, `bundle`."""
    root = tmp_path_factory.mktemp("loop")
    with closing(Store(root / "device")) as store:
        review_specimen(store, 1, patient="P-1", by="Ann Reader")
        review_specimen(store, 2, patient="P-2", by="Bob Reader")
    home = root / "device"
    run("export", "corrections", "--to", root / "stick/kisumu", home=home)
    (root / "tiny.toml").write_text(TINY_RECIPE)
    with drawn_task(root / "task", patients=40, cells=8) as data:
        fit = ("train", "fit", root / "tiny.toml", "--data", data)
        given = ("--corrections", root / "stick/kisumu")
        run(*fit, "--out", root / "without", home=home)
        run(*fit, "--out", root / "with", *given, home=home)
        options = ("--data", data, "--timed-runs", "10")
        run("compress", "run", root / "with", *options, home=home)
        run("compress", "pack", root / "with/compressed", "--out", root / "bundle", home=home)
        yield root


def test_network_learned_from_them_and_is_measured_on_the_same_cells(root: Path) -> None:
    with_them, without = (
        read_npz_scores(root / name / "held_out.npz") for name in ("with", "without")
    )
    assert with_them.name.tolist() == without.name.tolist()
    assert not np.allclose(with_them.logit, without.logit)
    assert (root / "with/split.json").read_text() == (root / "without/split.json").read_text()


def test_bundle_says_where_they_came_from(root: Path) -> None:
    (learned,) = open_bundle(root / "bundle").manifest.corrections
    assert learned == read_run_corrections(root / "with")
    assert learned == read_compressed(root / "with/compressed").corrections
    (export,) = learned.exports
    assert (export.n_specimens, export.n_patients, export.n_reviewers) == (2, 2, 2)
    assert learned.role == "classifier" and set(learned.learned) == {"uninfected", "parasitised"}
    card = (root / "bundle/MODEL_CARD.md").read_text()
    section = card.split("## Corrections")[1].split("\n## ")[0]
    for told in (
        "Kisumu",
        export.table_sha256[:12],
        "malaria-cells-4 (abababababab)",
        "2 reviewers",
    ):
        assert told in section
    inspected = run("bundle", "inspect", root / "bundle", home=root / "device")
    assert "corrections classifier: learned from" in inspected and "Kisumu" in inspected


def test_bundle_names_no_person(root: Path) -> None:
    everything = b"".join(
        path.read_bytes()
        for path in (root / "bundle").rglob("*")
        if path.suffix in (".md", ".json")
    ).decode()
    with closing(Store(root / "device")) as store:
        ids = [case.specimen_id for case in store.specimens()]
    assert len(ids) == 2
    for name in ("P-1", "P-2", "Ann", "Bob", *ids):
        assert name not in everything


def test_bundle_proves_itself_on_the_device(root: Path) -> None:
    assert "files intact" in run("bundle", "verify", root / "bundle", home=root / "device")


def test_fitted_run_takes_no_more_corrections(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compress", "run", str(root / "with"), "--corrections", str(root / "stick/kisumu")]
    assert main(words) == 3
    assert "give --corrections to `train fit`" in capsys.readouterr().err


def test_every_fold_of_a_task_learns_from_them(tmp_path: Path) -> None:
    export = export_of(tmp_path / "device")
    with drawn_lab(tmp_path / "lab") as lab:
        lab.changed(
            lab.root / "student.toml",
            ("epochs = 3", "epochs = 1"),
            ('"run:first"', '""'),
            of="student",
        )
        recipe = replace(load_lab_recipe(str(lab.recipe)), first="", folds=(1,))
        (one,) = fit_all(recipe, lab.out, data=lab.data, corrections=[export])
        assert (one.folder / CORRECTIONS_FILE).is_file()
        fold = FoldLab(recipe, one, lab.out, lab.data)
        assert fold.given.corrections == read_run_corrections(one.folder)
        assert "corrections" not in {example.source for example in fold.representatives.examples}
        spec = Tuning(epochs=1, rate=1e-3, max_bytes=4000)
        network_of_fewer_channels(one, lab.out, spec, lab.data, print)
        assert (lab.out / "student-small/fold1" / CORRECTIONS_FILE).is_file()
        with pytest.raises(ConfigError, match="given no corrections"):
            fit_all(recipe, lab.out, data=lab.data)


def test_kept_fit_that_learned_from_them_is_not_taken_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "records/malaria-cells-nih/fold0"
    kept.mkdir(parents=True)
    for name in ("model.weights.h5", CORRECTIONS_FILE):
        (kept / name).touch()
    monkeypatch.setattr(fits, "KEPT_DIR", tmp_path / "records")
    lab = replace(load_lab_recipe("malaria-cells"), folds=(0,))
    with pytest.raises(ConfigError, match=r"keeps a fit that learned.*give them as --corrections"):
        fit_all(lab, tmp_path / "out", kept=True)


def test_manifest_without_them_does_not_name_them(root: Path) -> None:
    text = json.loads((root / "bundle/manifest.json").read_text())
    assert text["corrections"][0]["role"] == "classifier"
    shipped = Path(__file__).parents[2] / "edge/bundles/malaria-cells-5/manifest.json"
    assert "corrections" not in json.loads(shipped.read_text())
