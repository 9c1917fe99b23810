"""`compress run` to a bundle for three labels, which has no thresholds, on one fold."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from compress.compressed import read_compressed
from compress.tables import read_table
from edge.cli import main
from edge.contract.bundle import open_bundle
from tests.support.dataset_layouts import write_cxr
from train import splits
from train.datasets.base import list_examples

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.usefixtures("quick_graphs"),
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    # Fits and converters together take longer on a slow machine than a test may.
    pytest.mark.timeout(900),
]

RECIPE = """
task = "cxr-covid"
dataset = "cxr-covid"
held_out_fold = 1
seed = 1

[preprocessing]
size_px = 16
mask = "none"

[model]
name = "plain_cnn"
widths = [8, 8]
strides = [2, 1]

[fit]
epochs = 25
batch_size = 8
learning_rate = 1e-2
use_validation = true

[augmentation]
affine = 0.0
stain = 0.0
hue = 0.0
gain = 0.0
offset = 0.0
blur = 0.0
jpeg = 0.0
background = 0.0
"""
LAB = """
title = "Drawn X-rays"
student = "{student}"
folds = [1]
ships = 1
max_bytes = 100_000
per_class = 4
"""


@dataclass(frozen=True)
class ThreeLabels:
    """Drawn X-rays, what `compress run` made of them, and the bundle."""

    data: Path
    made: Path
    bundle: Path


def shade(data: Path) -> None:
    """Makes the classes of drawn X-rays differ in brightness."""
    rng = np.random.default_rng(0)
    for example in list_examples("cxr-covid", data):
        image = rng.integers(0, 40, (48, 48)) + (20, 100, 190)[example.label]
        cv2.imwrite(str(example.path), image.astype(np.uint8))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeLabels]:
    root = tmp_path_factory.mktemp("three")
    data, out, student = write_cxr(root / "data"), root / "out", root / "student.toml"
    shade(data)
    student.write_text(RECIPE)
    (root / "lab.toml").write_text(LAB.format(student=student))
    (root / "folds").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "FOLDS_DIR", root / "folds")
        splits.write_folds("cxr-covid", list_examples("cxr-covid", data), 3, 1)
        found = ThreeLabels(data, out / "compressed/student", root / "bundle")
        for argv in (
            ["run", root / "lab.toml", "--out", out, "--data", data, "--timed-runs", "10"],
            ["pack", found.made, "--out", found.bundle],
        ):
            assert main(["compress", *map(str, argv)]) == 0
        yield found


def test_three_labels_have_no_operating_points(three: ThreeLabels) -> None:
    record = read_compressed(three.made)
    assert record.operating_point is None
    assert record.field_operating_point is None
    (evaluation,) = record.evaluation
    assert {"macro_auc", "accuracy", "macro_f1"} <= evaluation.metrics.keys()
    assert evaluation.command.endswith("--dataset cxr-covid --fold 1")
    assert set(record.representative_set.count_per_class.values()) == {4}


def test_table_of_three_labels_calls_the_likeliest(three: ThreeLabels) -> None:
    table = read_table(three.made / "table.json")
    assert table.labels == ("normal", "pneumonia", "covid")
    assert table.data.endswith("raw labels")
    assert all(row.threshold is None for row in table.rows)


def test_bundle_of_three_labels_calls_each(
    three: ThreeLabels, clinicscope: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    assert open_bundle(three.bundle).manifest.labels == ("normal", "pneumonia", "covid")
    target = tmp_path / "calls.csv"
    examples = {example.path.name: example for example in list_examples("cxr-covid", three.data)}
    paths = [example.path for example in examples.values()]
    code, _, err = clinicscope("classify", *paths, "--bundle", three.bundle, "--csv", target)
    assert code == 0, err
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = ("normal", "pneumonia", "covid")
    right = [row["call"] == labels[examples[Path(row["path"]).name].label] for row in rows]
    assert len(right) == len(examples)
    assert np.mean(right) > 0.9
