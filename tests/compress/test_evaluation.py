"""`compress evaluate` with networks whose every answer can be computed by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compress.evaluation import open_candidates, score_candidates
from edge.contract.errors import BundleError, ConfigError
from edge.contract.preprocess import Preprocessing
from tests.edge.runtimes.drawn_bundles import write_bundle, write_two_label_bundle
from tests.edge.runtimes.drawn_networks import SIZE_PX, draw_onnx, draw_tflite, expected_scores
from tests.support.dataset_layouts import write_cxr
from train import splits
from train.datasets.base import Example, list_examples, load_crops
from train.evaluate import auc
from train.splits import load_split

Run = Callable[..., tuple[int, str, str]]
RECIPE = f"""
task = "cxr-pneumonia"
dataset = "cxr-pneumonia"
held_out_fold = 0
seed = 1

[preprocessing]
size_px = {SIZE_PX}
mask = "none"

[model]
name = "plain_cnn"

[fit]
epochs = 1
batch_size = 8
learning_rate = 1e-3
"""


@dataclass(frozen=True)
class Bench:
    """Drawn X-rays with folds, and what is evaluated on them."""

    data: Path
    bundle: Path
    three: Path
    tflite: Path
    onnx: Path
    recipe: Path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("bench")
    found = Bench(
        write_cxr(root / "data"),
        write_two_label_bundle(root / "two").path,
        write_bundle(root / "three").path,
        root / "a.tflite",
        root / "b.onnx",
        root / "recipe.toml",
    )
    found.tflite.write_bytes(draw_tflite(1))
    found.onnx.write_bytes(draw_onnx(1))
    found.recipe.write_text(RECIPE)
    (root / "folds").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "FOLDS_DIR", root / "folds")
        for name in ("cxr-pneumonia", "cxr-covid"):
            splits.write_folds(name, list_examples(name, found.data), 4, 1)
        yield found


def logits_of(examples: list[Example], n_outputs: int) -> np.ndarray:
    crops = load_crops(examples, Preprocessing(SIZE_PX, mask="none"))
    return expected_scores(crops, n_outputs).logits


def auc_of(examples: list[Example]) -> float:
    labels = np.array([example.label for example in examples])
    return auc(np.round(1 / (1 + np.exp(-logits_of(examples, 1))), 6), labels > 0)


def test_bundle_and_weights_files_get_the_auc_computed_by_hand(
    bench: Bench, clinicscope: Run
) -> None:
    code, out, err = clinicscope(
        "compress", "evaluate", bench.bundle, bench.tflite, bench.onnx, "--json",
        "--recipe", bench.recipe, "--dataset", "cxr-pneumonia", "--data", bench.data,
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    expected = auc_of(list_examples("cxr-pneumonia", bench.data))
    names = [f"{bench.bundle} tflite", f"{bench.bundle} onnx", str(bench.tflite), str(bench.onnx)]
    assert list(found) == names
    for name in names:
        assert found[name]["auc"]["value"] == pytest.approx(expected, abs=2e-3), name
        assert found[name]["auc"]["ci_low"] <= found[name]["auc"]["value"]


def test_fold_leaves_its_held_out_part_and_the_last_line_tells_mean_and_least(
    bench: Bench, clinicscope: Run
) -> None:
    code, out, err = clinicscope(
        "compress", "evaluate", bench.bundle, "--dataset", "cxr-pneumonia", "--fold", 2,
        "--data", bench.data,
    )  # fmt: skip
    assert code == 0, err
    examples = list_examples("cxr-pneumonia", bench.data)
    held_out = load_split("cxr-pneumonia", 2).part_of(examples, "test")
    lines = out.splitlines()
    assert lines[0] == f"cxr-pneumonia, held-out fold 2, {len(held_out)} examples, raw labels"
    values = [float(line.split()[1]) for line in lines if line.startswith("  auc ")]
    assert values == pytest.approx([auc_of(held_out)] * 2, abs=2e-2)
    assert lines[-1] == f"auc of the 2: mean {np.mean(values):.4f}, least {min(values):.4f}"


def test_threshold_decides_what_is_called(bench: Bench, clinicscope: Run) -> None:
    def accuracy(threshold: float) -> tuple[float, float]:
        code, out, err = clinicscope(
            "compress", "evaluate", bench.tflite, "--recipe", bench.recipe, "--json",
            "--dataset", "cxr-pneumonia", "--data", bench.data, "--threshold", threshold,
        )  # fmt: skip
        assert code == 0, err
        figures = json.loads(out)[str(bench.tflite)]
        return figures["sensitivity_cell"]["value"], figures["specificity_cell"]["value"]

    assert accuracy(0.0) == (1, 0)
    assert accuracy(1.0) == (0, 1)


def test_three_labels_have_a_macro_auc(bench: Bench, clinicscope: Run) -> None:
    code, out, err = clinicscope(
        "compress", "evaluate", bench.three, "--dataset", "cxr-covid", "--data", bench.data
    )
    assert code == 0, err
    examples = list_examples("cxr-covid", bench.data)
    logits, labels = logits_of(examples, 3), np.array([example.label for example in examples])
    soft = np.exp(logits - logits.max(axis=1, keepdims=True))
    soft /= soft.sum(axis=1, keepdims=True)
    expected = np.mean([auc(soft[:, k], labels == k) for k in range(3)])
    values = [float(line.split()[1]) for line in out.splitlines() if "  macro_auc" in line]
    assert values == pytest.approx([expected] * 2, abs=2e-3)
    assert "macro_auc of the 2: mean" in out
    assert "sensitivity" not in out


def test_zipped_bundle_is_opened_too(bench: Bench, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "two"), "zip", bench.bundle))
    assert [one.name for one in open_candidates([packed], "")] == [
        f"{packed} tflite",
        f"{packed} onnx",
    ]


def test_labels_that_differ_are_refused(bench: Bench, clinicscope: Run) -> None:
    code, _, err = clinicscope(
        "compress", "evaluate", bench.bundle, "--dataset", "cxr-covid", "--data", bench.data
    )
    assert code != 0
    assert "tells normal, pneumonia; cxr-covid has normal, pneumonia, covid" in err


def test_fold_that_does_not_exist_is_refused(bench: Bench) -> None:
    candidates = open_candidates([bench.bundle], "")
    with pytest.raises(ConfigError, match="held_out fold is 9; this data set has 0 to 3"):
        score_candidates(candidates, "cxr-pneumonia", fold=9, data=bench.data)


def test_weights_without_a_recipe_are_refused(bench: Bench, clinicscope: Run) -> None:
    code, _, err = clinicscope(
        "compress", "evaluate", bench.onnx, "--dataset", "cxr-pneumonia", "--data", bench.data
    )
    assert code != 0
    assert "does not say how images are prepared; give its --recipe" in err


def test_neither_bundle_nor_weights_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no network")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ConfigError, match="is neither a bundle nor a"):
            open_candidates([path], str(bench.recipe))


def test_broken_bundle_is_refused(bench: Bench, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(bench.bundle, tmp_path / "broken"))
    (broken / "drawn.onnx").write_bytes(b"other weights")
    with pytest.raises(BundleError):
        open_candidates([broken], "")
