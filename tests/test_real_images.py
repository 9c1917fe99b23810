"""What is claimed of real images holds: the manifest's figures, the folds, real fields, X-rays."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compress.refusal import SINGLE, Sizes, measure_refusal
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.contract.manifest import Manifest
from edge.installed import prove_screener
from edge.runtimes.base import open_runtime
from tests.conftest import SHIPPED
from train.datasets.base import list_examples, load_crops
from train.evaluate import auc
from train.not_smears import NOT_SMEARS
from train.splits import FOLDS_DIR, load_split, make_folds

pytestmark = pytest.mark.data
Run = Callable[..., tuple[int, str, str]]
RECORDS = Path(__file__).parent.parent / "train/records/malaria-cells-fields/fold0"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return open_bundle(SHIPPED).manifest


def test_committed_folds_are_those_of_the_data(real_data: Path) -> None:
    content = json.loads((FOLDS_DIR / "nih-cells.json").read_text())
    made = make_folds(list_examples("nih-cells", real_data), 5, content["seed"])
    assert made == content["folds"]


def test_classify_on_the_held_out_fold_reproduces_the_manifest(
    real_data: Path, manifest: Manifest, clinicscope: Run, tmp_path: Path
) -> None:
    split = load_split("nih-cells", 0)
    held_out = split.part_of(list_examples("nih-cells", real_data), "test")
    scores = tmp_path / "scores.csv"
    code, _, err = clinicscope("classify", *(e.path for e in held_out), "--csv", scores)
    assert code == 0, err
    code, out, err = clinicscope(
        "train", "evaluate", "--scores", scores, "--json", "--data", real_data,
        "--threshold", manifest.operating_point.threshold,
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert found["n_cells"] == manifest.evaluation[0].n_cells
    for name, metric in manifest.evaluation[0].metrics.items():
        assert found["metrics"][name]["value"] == pytest.approx(metric.value, abs=5e-4), name
    assert found["metrics"]["auc"]["value"] >= 0.985


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_shipped_int8_is_as_good_as_its_float_parent(real_data: Path, manifest: Manifest) -> None:
    from train.batches import predict_logits
    from train.networks import load_network

    recipe, model = load_network(RECORDS)
    examples = load_split("nih-cells", 0).part_of(list_examples("nih-cells", real_data), "test")
    crops = load_crops(examples, recipe.preprocessing)
    positive = np.array([example.label for example in examples]) > 0
    float_logits = predict_logits(model, crops, recipe.preprocessing.scale)
    int8_logits = open_runtime(open_bundle(SHIPPED), threads=2).run(crops).logits
    threshold = manifest.operating_point.threshold
    at = np.log(threshold / (1 - threshold))
    lost_auc = auc(float_logits.astype(float), positive) - auc(int8_logits.astype(float), positive)
    accuracies = [((logits >= at) == positive).mean() for logits in (float_logits, int8_logits)]
    assert lost_auc <= 0.0005
    assert accuracies[0] - accuracies[1] <= 0.001


def test_real_fields_are_read(real_data: Path, clinicscope: Run, tmp_path: Path) -> None:
    fields = sorted((real_data / "iml-fields/images").iterdir())[::23]
    code, _, err = clinicscope("screen", *fields, "--json", tmp_path / "out.json")
    assert code == 0, err
    content = json.loads((tmp_path / "out.json").read_text())
    assert len(content["fields"]) == len(fields)
    assert content["slide"]["fields_refused"] <= 1
    counts = [len(field["cells"]) for field in content["fields"] if field["quality"]["usable"]]
    assert np.median(counts) > 60


def test_chest_x_rays_are_refused_by_the_malaria_bundle(
    real_data: Path, clinicscope: Run, tmp_path: Path
) -> None:
    images = sorted((real_data / "cxr/normal").iterdir())[:10]
    code, out, _ = clinicscope("screen", *images, "--json", "-")
    assert code == 0
    slide = json.loads(out)["slide"]
    assert (slide["verdict"], slide["fields_refused"]) == ("refused", len(images))


def test_classify_gives_no_chest_x_ray_a_call(
    real_data: Path, clinicscope: Run, tmp_path: Path
) -> None:
    images = [*sorted((real_data / "cxr/pneumonia").iterdir())[:40]]
    images += sorted((real_data / "cxr/covid").iterdir())[:40]
    code, _, err = clinicscope("classify", *images, "--csv", tmp_path / "scores.csv")
    assert code == 0, err
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(images)
    assert all(row["refused"] and not row["call"] and not row["score"] for row in rows)
    assert {row["refused"].split(":")[0] for row in rows} <= {"image is grey", "no red blood cell"}


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_red_cell_is_refused_and_what_is_one_is_not(real_data: Path) -> None:
    screener = prove_screener(open_bundle(SHIPPED), DeviceConfig())
    sizes = Sizes(pictures=20, cells=300, fields=3)
    found = {
        one.kind: one
        for one in measure_refusal(screener, sizes, data=real_data)
        if one.level == SINGLE
    }
    # A grey cell is grey inverted, too: half of those are what they were.
    kinds = [kind for kind in NOT_SMEARS if kind != "inverted"]
    missed = {kind: found[kind].n - found[kind].refused for kind in kinds}
    assert sum(missed.values()) <= 0.01 * sum(found[kind].n for kind in kinds), missed
    for cells in ("nih-cells, uninfected", "nih-cells, parasitised", "iml-cells, uninfected"):
        assert found[cells].refused <= 0.01 * found[cells].n + 1, cells
    # No infected cell was fitted on; what is refused keeps its score, and a field's stays suspect.
    assert found["iml-cells, parasitised"].refused <= 0.08 * found["iml-cells, parasitised"].n
    assert found["chula-cells, uninfected"].refused <= 0.01 * 300 + 2
    screener.close()


def test_novelty_of_the_held_out_fold_reproduces_the_manifest(
    real_data: Path, manifest: Manifest
) -> None:
    for entry in manifest.evaluation:
        if not entry.role.startswith("novelty network"):
            continue
        split = load_split(entry.dataset, 0)
        examples = split.part_of(list_examples(entry.dataset, real_data), "test")
        crops = load_crops(examples, manifest.preprocessing)
        bundle = open_bundle(SHIPPED)
        logits = open_runtime(bundle, "novelty", threads=2).run(crops).logits[:, 0]
        positive = np.array([example.label for example in examples]) > 0
        found = auc(logits.astype(float), positive)
        assert found == pytest.approx(entry.metrics["auc"].value, abs=5e-4), entry.dataset
        assert found >= 0.98
