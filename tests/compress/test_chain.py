"""The commands of an engineer, on a tiny drawn task: fit, compress, pack, classify, evaluate."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compress.tables import read_table
from edge.cli import main
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import Parity
from tests.support.drawn_dataset import TINY_RECIPE, write_dataset
from train import splits
from train.datasets.base import Example, list_examples

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.usefixtures("quick_graphs"),
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    # Fits and converters together take longer on a slow machine than a test may.
    pytest.mark.timeout(900),
]


@dataclass(frozen=True)
class Workshop:
    """A drawn data set with folds and a recipe of its own."""

    data: Path
    recipe: Path
    folds: Path
    root: Path


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("workshop")
    data, folds = write_dataset(root / "data"), root / "folds"
    folds.mkdir()
    recipe = root / "tiny.toml"
    recipe.write_text(TINY_RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "FOLDS_DIR", folds)
        splits.write_folds("nih-cells", list_examples("nih-cells", data), 5, 1)
        yield Workshop(data, recipe, folds, root)


@pytest.fixture(scope="module")
def run_dir(workshop: Workshop) -> Path:
    path = workshop.root / "run"
    fit = ["train", "fit", workshop.recipe, "--out", path, "--data", workshop.data]
    assert main(list(map(str, fit))) == 0
    return path


@pytest.fixture(scope="module")
def bundle_path(workshop: Workshop, run_dir: Path) -> Path:
    bundle = workshop.root / "tiny-1"
    run = ["compress", "run", run_dir, "--data", workshop.data, "--timed-runs", "10"]
    for argv in (run, ["compress", "pack", run_dir / "compressed", "--out", bundle]):
        assert main(list(map(str, argv))) == 0
    return bundle


def test_run_that_is_not_finished_is_not_compressed(run_dir: Path, tmp_path: Path) -> None:
    from compress.run import Settings, run_task

    shutil.copyfile(run_dir / "recipe.json", tmp_path / "recipe.json")
    with pytest.raises(ConfigError, match="the fit is not finished"):
        run_task(str(tmp_path), Settings(tmp_path / "out"))


def test_run_of_another_recipe_is_not_overwritten(workshop: Workshop, run_dir: Path) -> None:
    from train.fit import fit
    from train.recipe import load_recipe

    other = load_recipe(str(workshop.recipe), {"fit.epochs": 9})
    with pytest.raises(ConfigError, match="holds a run of another recipe"):
        fit(other, run_dir, data=workshop.data)


def test_bundle_is_full_int8_with_scales_for_each_channel(bundle_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    bundle = open_bundle(bundle_path)
    weights = bundle.manifest.weights[0]
    interpreter = Interpreter(model_content=bundle.weights_bytes(weights))
    kernels = [
        detail
        for detail in interpreter.get_tensor_details()
        if detail["dtype"] == np.int8 and len(detail["shape"]) == 4 and detail["shape"][0] == 8
    ]
    assert kernels
    assert all(len(kernel["quantization_parameters"]["scales"]) == 8 for kernel in kernels)
    floats = {
        detail["name"]
        for detail in interpreter.get_tensor_details()
        if detail["dtype"] == np.float32
    }
    assert len(floats) <= 2, f"only the dequantised outputs may be float: {floats}"
    assert (weights.inputs[0].dtype, weights.inputs[0].zero_point) == ("uint8", 0)


def test_classify_reproduces_the_manifests_figures(
    bundle_path: Path,
    workshop: Workshop,
    clinicscope: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
) -> None:
    scores = tmp_path / "scores.csv"
    code, _, err = clinicscope(
        "classify", workshop.data / "nih-cells", "--bundle", bundle_path, "--csv", scores
    )
    assert code == 0, err
    manifest = open_bundle(bundle_path).manifest
    code, out, err = clinicscope(
        "train", "evaluate", "--scores", scores, "--recipe", workshop.recipe, "--json",
        "--threshold", manifest.operating_point.threshold, "--data", workshop.data,
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)["metrics"]
    (evaluation,) = manifest.evaluation
    assert evaluation.metrics.keys() >= {"auc", "sensitivity_cell", "specificity_cell"}
    for name, metric in evaluation.metrics.items():
        assert found[name]["value"] == pytest.approx(metric.value, abs=5e-4), name


def test_representatives_are_training_patients_alone(run_dir: Path, bundle_path: Path) -> None:
    ids = (run_dir / "compressed/representative_ids.txt").read_text().split()
    train = set(json.loads((run_dir / "split.json").read_text())["train"])
    assert {name.split("P")[0] for name in ids} <= train
    counts = open_bundle(bundle_path).manifest.representative_set.count_per_class
    assert set(counts.values()) == {150}


def test_single_run_has_thresholds_of_its_validation_patients(
    run_dir: Path, bundle_path: Path
) -> None:
    manifest = open_bundle(bundle_path).manifest
    validation = json.loads((run_dir / "split.json").read_text())["validation"]
    for point in (manifest.operating_point, manifest.field_operating_point):
        assert point is not None
        assert point.chosen_on == "nih-cells, validation patients of fold 0"
        assert point.sensitivity_cell.n_patients == len(validation)
    assert manifest.operating_point.target_sensitivity == 0.95


def test_single_run_gives_what_ships_and_its_table(run_dir: Path, bundle_path: Path) -> None:
    table = read_table(run_dir / "compressed/table.json")
    assert [row.name for row in table.rows] == ["float32", "int8-float-out", "onnx-int8"]
    assert table.folds == (0,)
    manifest = open_bundle(bundle_path).manifest
    assert [weights.format for weights in manifest.weights] == ["tflite", "onnx"]
    shipped = {row.format: row.bytes for row in table.rows[1:]}
    assert {weights.format: weights.bytes for weights in manifest.weights} == shipped


def test_repacking_gives_the_same_bytes(
    run_dir: Path, bundle_path: Path, workshop: Workshop
) -> None:
    from datetime import UTC, datetime

    from compress.pack import pack_bundle

    now = datetime(2026, 1, 2, tzinfo=UTC)
    first, second = (
        pack_bundle(run_dir / "compressed", workshop.root / name, version=2, as_zip=True, now=now)
        for name in ("a.zip", "b.zip")
    )
    assert first.path.read_bytes() == second.path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        pack_bundle(run_dir / "compressed", first.path, version=2, as_zip=True)


def test_too_few_representatives_are_refused() -> None:
    from compress.representative import choose_representatives

    few = [Example(str(n), Path(), n % 2, "C1") for n in range(40)]
    with pytest.raises(DataError, match="needs 150 cells labelled 'uninfected'"):
        choose_representatives(few, ("uninfected", "parasitised"), 1)


def test_lost_parity_is_refused() -> None:
    from compress.parity import check_parity

    with pytest.raises(DataError, match=r"INT8 loses 0\.00200 AUC"):
        check_parity(Parity(100, 0.99, 0.988, 0.95, 0.95, 0.1, 0.99))


def test_nothing_to_compress_or_pack_is_said(tmp_path: Path) -> None:
    from compress.pack import pack_bundle
    from compress.run import Settings, run_task

    with pytest.raises(ConfigError, match=r"no task .* give a \.toml file, or a run folder"):
        run_task(str(tmp_path), Settings(tmp_path / "out"))
    with pytest.raises(ConfigError, match=r"holds no compressed\.json"):
        pack_bundle(tmp_path, tmp_path / "out", version=1)


def test_run_that_left_no_validation_patients_is_not_compressed(
    run_dir: Path, workshop: Workshop, tmp_path: Path
) -> None:
    from compress.run import Settings, run_task

    run = Path(shutil.copytree(run_dir, tmp_path / "run"))
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["fit"]["use_validation"] = True
    (run / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(ConfigError, match="no patients are left to choose thresholds on"):
        run_task(str(run), Settings(tmp_path / "out", workshop.data))
    assert not (tmp_path / "out").exists()


def test_scores_csv_has_the_agreed_header(
    bundle_path: Path,
    workshop: Workshop,
    clinicscope: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
) -> None:
    target = tmp_path / "s.csv"
    clinicscope("classify", workshop.data, "--bundle", bundle_path, "--csv", target)
    with target.open(newline="") as file:
        assert next(csv.reader(file)) == ["path", "score", "call", "novelty", "refused"]
