"""`compress run` of a whole lab in small: fits of two folds, variants, thresholds, the table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from compress import fits
from compress.compressed import read_compressed
from compress.fits import Fit, fit_all
from compress.lab_recipe import load_lab_recipe
from compress.run import Settings, run_task
from compress.tables import read_table
from compress.variant_files import FoldLab
from edge.contract.errors import ConfigError, DataError
from edge.engine import Done, Engine
from tests.support.drawn_lab import DrawnLab, drawn_lab
from train.fit_pieces import Piece
from train.networks import build_to_fit, load_network
from train.operating_point import choose_operating_point
from train.recipe import load_recipe
from train.scores import Scores, read_npz_scores

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    # Fits and converters together take longer on a slow machine than a test may.
    pytest.mark.timeout(900),
]

Run = Callable[..., tuple[int, str, str]]
PLAIN = ["float32", "int8-float-out", "onnx-int8", "int8"]
TUNED = ["int8-aware", "int8-zeros", "int8-channels"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrawnLab]:
    with drawn_lab(tmp_path_factory.mktemp("lab")) as drawn:
        made = run_task(str(drawn.recipe), Settings(drawn.out, drawn.data, timed_runs=10))
        assert made == drawn.made
        yield drawn


@pytest.fixture()
def copied(lab: DrawnLab, tmp_path: Path) -> Path:
    """What the lab made but for what ships; a test may change it."""
    out = Path(shutil.copytree(lab.out, tmp_path / "out"))
    shutil.rmtree(out / "compressed")
    return out


def scores_of(lab: DrawnLab, name: str, fold: int) -> Scores:
    return read_npz_scores(lab.out / f"variants/student/{name}/fold{fold}.npz")


def test_table_has_every_variant_pooled_over_folds(lab: DrawnLab) -> None:
    table = read_table(lab.made / "table.json")
    assert [row.name for row in table.rows] == [*PLAIN, *TUNED]
    assert (table.folds, table.reference, table.notes) == ((0, 1), "float32", ("Drawn.",))
    assert table.data.startswith("nih-cells, 64 held-out examples of 16 groups")
    rows = {row.name: row for row in table.rows}
    shipped = rows["int8-float-out"]
    assert rows["int8-zeros"].sparsity > shipped.sparsity + 0.2
    assert rows["int8-channels"].bytes < shipped.bytes
    assert rows["int8-channels"].macs < shipped.macs == rows["int8-aware"].macs
    assert rows["float32"].auc_difference is None
    assert all(rows[name].auc_difference for name in [*PLAIN[1:], *TUNED])
    assert table.layer_errors[0].variant == "int8-float-out"


def test_every_fold_scores_its_own_held_out_patients(lab: DrawnLab) -> None:
    for fold in (0, 1):
        test = json.loads((lab.out / f"student/fold{fold}/split.json").read_text())["test"]
        for name in [*PLAIN, *TUNED]:
            assert set(scores_of(lab, name, fold).patient.tolist()) == set(test)


def test_thresholds_come_from_the_other_fold(lab: DrawnLab) -> None:
    record = read_compressed(lab.made)
    others = scores_of(lab, "int8-float-out", 0)
    for point, target in (
        (record.operating_point, 0.95),
        (record.field_operating_point, 0.85),
    ):
        assert point is not None
        expected = choose_operating_point(
            np.asarray(others.probability[:, 1], np.float32),
            np.asarray(others.label, np.float32),
            others.patient.tolist(),
            target_sensitivity=target,
            chosen_on=(
                "nih-cells, held-out patients of folds 0, each scored by its own fold's network"
            ),
        )
        assert point == expected
        assert point.sensitivity_cell.n_patients == 8


def test_figures_are_those_of_the_fold_that_ships(lab: DrawnLab) -> None:
    record = read_compressed(lab.made)
    (evaluation,) = record.evaluation
    own = scores_of(lab, "int8-float-out", 1)
    assert record.operating_point is not None
    called = np.round(own.probability[:, 1], 6) >= record.operating_point.threshold
    assert evaluation.metrics["accuracy"].value == pytest.approx(
        (called == (own.label > 0)).mean(), abs=1e-6
    )
    assert (evaluation.n_patients, evaluation.n_cells) == (8, 32)
    assert evaluation.role == "held-out fold 1, INT8"
    assert record.variants == ("int8-float-out", "onnx-int8")
    assert record.parity.n_cells == 32


def test_student_starts_from_the_first_recipe_of_the_same_fold(lab: DrawnLab) -> None:
    recipe = load_recipe(str(lab.root / "student.toml"), {"held_out_fold": 1})
    started = build_to_fit(recipe, 2, lab.out / "student/fold1")
    of_first = {k: load_network(lab.out / f"first/fold{k}")[1].get_weights()[0] for k in (0, 1)}
    assert np.array_equal(started.get_weights()[0], of_first[1])
    assert not np.array_equal(started.get_weights()[0], of_first[0])


def test_stopped_run_makes_only_what_is_missing(lab: DrawnLab, clinicscope: Run) -> None:
    def times() -> dict[str, int]:
        kinds = (".h5", ".npz", ".tflite", ".onnx")
        return {
            str(path.relative_to(lab.out)): path.stat().st_mtime_ns
            for path in lab.out.rglob("*")
            if path.suffix in kinds and path.parts[len(lab.out.parts)] != "compressed"
        }

    before = times()
    (lab.out / "variants/student/int8/fold0.npz").unlink()
    code, out, err = clinicscope(
        "compress", "run", lab.recipe, "--out", lab.out, "--data", lab.data, "--timed-runs", 10
    )
    assert code == 0, err
    after = times()
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        f"variants/student/int8/fold0{ending}" for ending in (".npz", ".about.npz", ".tflite")
    }
    assert "malaria-cells.int8.tflite: int8-float-out" in out
    assert out.rstrip().endswith(str(lab.made))


def test_report_reads_the_table(lab: DrawnLab, clinicscope: Run, tmp_path: Path) -> None:
    page, tables = tmp_path / "page.html", tmp_path / "tables.md"
    code, _, err = clinicscope(
        "compress", "report", "--records", lab.out / "compressed", "--out", page, "--tables", tables
    )
    assert code == 0, err
    for text in (page.read_text(), tables.read_text()):
        assert "Drawn cells" in text
        assert all(name in text for name in [*PLAIN, *TUNED])


def test_model_over_its_budget_does_not_ship(lab: DrawnLab, copied: Path, tmp_path: Path) -> None:
    recipe = lab.changed(tmp_path / "lab.toml", ("max_bytes = 100_000", "max_bytes = 1000"))
    with pytest.raises(DataError, match=r"over its budget of 1,000; make the network smaller"):
        run_task(str(recipe), Settings(copied, lab.data))
    assert not (copied / "compressed").exists()


def test_kept_fits_are_taken_from_records(
    lab: DrawnLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, told = tmp_path / "records", list[str]()
    for name in ("first", "student"):
        shutil.copytree(lab.out / name, records / name)
    monkeypatch.setattr(fits, "KEPT_DIR", records)
    loaded = load_lab_recipe(str(lab.recipe))
    found = fit_all(loaded, tmp_path / "out", kept=True, data=lab.data, tell=told.append)
    assert [line.rsplit(": ", 1)[1] for line in told] == ["fitted"] * 4
    assert [one.recipe.held_out_fold for one in found] == [0, 1]
    name = "student/fold1/model.weights.h5"
    assert (tmp_path / "out" / name).read_bytes() == (lab.out / name).read_bytes()
    assert not list((tmp_path / "out").rglob("checkpoint"))


def test_kept_fit_of_another_recipe_is_refused(
    lab: DrawnLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(lab.out / "first", tmp_path / "records/first")
    monkeypatch.setattr(fits, "KEPT_DIR", tmp_path / "records")
    first = lab.changed(tmp_path / "first.toml", ("epochs = 12", "epochs = 13"), of="first")
    loaded = replace(load_lab_recipe(str(lab.recipe)), first=str(first))
    with pytest.raises(ConfigError, match="keeps a fit of another recipe"):
        fit_all(loaded, tmp_path / "out", kept=True, data=lab.data)
    assert not (tmp_path / "out").exists()


def test_fit_of_another_recipe_in_the_way_is_refused(lab: DrawnLab, tmp_path: Path) -> None:
    first = lab.changed(tmp_path / "first.toml", ("epochs = 12", "epochs = 13"), of="first")
    loaded = replace(load_lab_recipe(str(lab.recipe)), first=str(first))
    with pytest.raises(ConfigError, match="holds a run of another recipe"):
        fit_all(loaded, lab.out, data=lab.data)


class _Shelf(Engine):
    """An engine whose workers take fits off a shelf; notes what it is asked for."""

    name, cpus = "ray", 8

    def __init__(self, shelf: Path, failing: int | None = None) -> None:
        self.shelf, self.failing = shelf, failing
        self.asked: list[tuple[str, int, int]] = []

    def run(self, task: object, items: Sequence[Piece], *, cpus: int = 1) -> Iterator[Done[str]]:
        for index, item in reversed(list(enumerate(items))):
            name = f"{item.run_dir.parent.name}/{item.run_dir.name}"
            self.asked.append((name, item.recipe.held_out_fold, cpus))
            if item.recipe.held_out_fold == self.failing:
                yield Done(index, error=DataError(f"fold {self.failing} cannot be fitted"))
            else:
                shutil.copytree(self.shelf / name, item.run_dir, dirs_exist_ok=True)
                yield Done(index, value=str(item.run_dir))

    stream = run  # type: ignore[assignment]


def test_engine_makes_the_folds_that_are_missing(lab: DrawnLab, tmp_path: Path) -> None:
    loaded, told = load_lab_recipe(str(lab.recipe)), list[str]()
    engine = _Shelf(lab.out, failing=0)
    make = partial(fit_all, loaded, tmp_path / "out", data=lab.data, cpus=3)
    with pytest.raises(DataError, match="fold 0 cannot be fitted"):
        make(engine=engine, tell=told.append)
    # The other fold is done all the same; students wait for what they start from.
    assert engine.asked == [("first/fold1", 1, 3), ("first/fold0", 0, 3)]
    assert f"{loaded.first}, fold 0: fold 0 cannot be fitted" in told
    assert any(f"{loaded.first}, fold 1: epoch 12 of 12" in line for line in told)
    engine = _Shelf(lab.out)
    found = make(engine=engine)
    assert engine.asked == [
        ("first/fold0", 0, 3), ("student/fold1", 1, 3), ("student/fold0", 0, 3),
    ]  # fmt: skip
    for one, fold in zip(found, loaded.folds, strict=True):
        made = load_network(lab.out / f"student/fold{fold}")[1]
        assert all(map(np.array_equal, one.model.get_weights(), made.get_weights()))
    engine = _Shelf(lab.out)
    make(engine=engine)
    assert engine.asked == []


def test_enhancer_has_no_folds_for_an_engine(clinicscope: Run) -> None:
    for more in (("--engine", "ray"), ("--cpus", 2)):
        code, _, err = clinicscope("compress", "run", "malaria-superres", *more)
        assert code == 2
        assert "an enhancer of one fit; leave out --engine, --cpus" in err


def test_variant_of_other_settings_is_made_again(lab: DrawnLab, copied: Path) -> None:
    loaded, told = load_lab_recipe(str(lab.recipe)), list[str]()
    one = Fit(copied / "student/fold0", *load_network(copied / "student/fold0"))
    for per_class in (8, 7):
        fold = FoldLab(replace(loaded, per_class=per_class), one, copied, lab.data, told.append)
        assert next(fold.make_all()).name == "float32"
    assert len(told) == 1


def test_one_fold_that_left_no_validation_patients_is_refused(
    lab: DrawnLab, tmp_path: Path
) -> None:
    recipe = lab.changed(tmp_path / "lab.toml", ("folds = [0, 1]", "folds = [1]"))
    with pytest.raises(ConfigError, match="no patients are left to choose thresholds on"):
        run_task(str(recipe), Settings(tmp_path / "out", lab.data))
    assert not (tmp_path / "out").exists()


def test_start_that_is_missing_is_named_with_its_places(lab: DrawnLab, tmp_path: Path) -> None:
    recipe = load_recipe(str(lab.root / "student.toml"))
    with pytest.raises(ConfigError, match="no finished fit of first with fold 0") as refused:
        build_to_fit(recipe, 2, tmp_path / "runs/student/fold0")
    assert str(tmp_path / "runs/first/fold0") in str(refused.value)
    assert "fit it first" in str(refused.value)
