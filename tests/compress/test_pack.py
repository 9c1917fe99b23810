"""Bundles of several tasks from a drawn folder of `compress run`, in both formats."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.compressed import RECORD_FILE, Compressed, write_compressed
from compress.export_onnx import describe_onnx
from compress.golden import LEAST_IMAGES, MOST_IMAGES, count_in, draw_images
from compress.pack import CARD, MAX_BYTES, pack_bundle, write_proven
from compress.quantise import describe_weights
from compress.variants import Variant, make_variant
from edge.contract.bundle import MANIFEST, open_bundle
from edge.contract.errors import (
    ConfigError,
    DataError,
    GoldenMismatchError,
    ManifestError,
)
from edge.contract.manifest import (
    ErrorRate,
    Evaluation,
    Metric,
    OperatingPoint,
    Parity,
    RepresentativeSet,
    RuntimeParity,
    Weights,
)
from edge.contract.preprocess import Preprocessing
from edge.runtimes.base import open_runtime
from edge.selftest import self_test
from tests.support.tiny_networks import SCALE, SIZE_PX, tiny_crops, tiny_network
from train.datasets.base import labels_of
from train.recipe import Recipe
from train.recipe_parts import FitSpec, ModelSpec

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOTH = ("int8-float-out", "onnx-int8")
# task, data set, forms that ship
TASKS = {
    "cells": ("malaria-cells", "two-microscopes", BOTH),
    "stages": ("malaria-stages", "iml-stages", ("int8", "onnx-int8")),
    "covid": ("cxr-covid", "cxr-covid", BOTH),
    "pneumonia": ("cxr-pneumonia", "cxr-pneumonia", ("int8",)),
}

network = cache(tiny_network)
crops = cache(tiny_crops)


@dataclass(frozen=True)
class Folder:
    """A folder of `compress run`, drawn."""

    path: Path
    record: Compressed

    def rewrite(self, **changes: Any) -> Path:
        write_compressed(self.path, replace(self.record, **changes))
        return self.path


@cache
def variant(name: str, n_outputs: int) -> Variant:
    return make_variant(name, network(n_outputs), crops(), SCALE)


def file_of(variant: Variant) -> str:
    return f"drawn.{variant.name}.{variant.format}"


def entry(made: Variant) -> Weights:
    if made.format == "onnx":
        return describe_onnx(made.content, file=file_of(made), parent="0" * 64)
    return describe_weights(made.content, file=file_of(made), parent="0" * 64, scale=SCALE)


def point() -> OperatingPoint:
    rate = ErrorRate(0.95, 1000, 20, 100.0)
    return OperatingPoint(0.5, "drawn", "half way", 0.95, rate, rate)


def draw_folder(path: Path, kind: str) -> Folder:
    task, dataset, names = TASKS[kind]
    labels = labels_of(dataset)
    two = len(labels) == 2
    made = [variant(name, 1 if two else len(labels)) for name in names]
    runtimes = {"tflite": "litert", "onnx": "onnx"}
    record = Compressed(
        recipe=Recipe(
            task=task,
            dataset=dataset,
            held_out_fold=0,
            seed=1,
            preprocessing=Preprocessing(
                SIZE_PX, mask="none" if task.startswith("cxr") else "black"
            ),
            model=ModelSpec("plain_cnn"),
            fit=FitSpec(1, 1, 1e-3),
        ),
        weights=tuple(entry(one) for one in made),
        variants=tuple(names),
        parity=Parity(
            100, 0.99, 0.98991, 0.96, 0.95, 0.05, 0.99,
            tuple(
                RuntimeParity(runtimes[one.format], one.format, 100, 0.2, 0.99) for one in made
            ),
        ),
        evaluation=(
            Evaluation(
                dataset, "held-out fold 0, INT8", "raw", 7, 7, 100,
                {"auc" if two else "macro_auc": Metric(0.98991, 0.97, 1.0)}, "clinicscope …",
            ),
        ),
        representative_set=RepresentativeSet("0" * 64, dict.fromkeys(labels, 150)),
        operating_point=point() if two else None,
        field_operating_point=point() if task == "malaria-cells" else None,
    )  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    for one in made:
        (path / file_of(one)).write_bytes(one.content)
    write_compressed(path, record)
    return Folder(path, record)


@pytest.fixture()
def cells(tmp_path: Path) -> Folder:
    return draw_folder(tmp_path / "compressed", "cells")


@pytest.mark.parametrize("kind", TASKS)
def test_bundle_of_every_task_is_proven_on_every_format(kind: str, tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "compressed", kind)
    bundle = pack_bundle(folder.path, tmp_path / "out", version=3, now=NOW)
    manifest = bundle.manifest
    assert manifest.bundle_id == f"{folder.record.recipe.task}-3"
    assert manifest.labels == labels_of(folder.record.recipe.dataset)
    assert manifest.weights == folder.record.weights
    assert (manifest.positive_label is None) == (len(manifest.labels) > 2)
    assert manifest.operating_point == folder.record.operating_point
    assert len(bundle.array("golden/input.npy")) == MOST_IMAGES
    for weights in manifest.weights:
        runtime = open_runtime(bundle, names=["onnx" if weights.format == "onnx" else "litert"])
        assert self_test(bundle, runtime).n_cells == MOST_IMAGES
    assert sum(map(len, bundle.files.values())) < MAX_BYTES
    assert not list(tmp_path.glob(".packing-*"))


def test_tolerance_is_above_steps_and_differences(cells: Folder, tmp_path: Path) -> None:
    bundle = pack_bundle(cells.path, tmp_path / "out", version=1, now=NOW)
    tolerances = bundle.manifest.golden.tolerances
    found = self_test(bundle, open_runtime(bundle, names=["onnx"])).differences
    # The same network with outputs in INT8: its entry says the steps that the other hides.
    steps = entry(variant("int8", 1))
    for name in ("logit", "cam"):
        step = steps.output(name).scale
        assert step
        least = max(2 * found[name], 4 * step)
        assert least <= tolerances[name] * (1 + 1e-6)
        assert tolerances[name] == float(f"{tolerances[name]:.2g}")


@pytest.mark.parametrize("as_zip", [False, True])
def test_same_folder_and_time_give_the_same_bytes(
    cells: Folder, tmp_path: Path, as_zip: bool
) -> None:
    first, second = (
        pack_bundle(cells.path, tmp_path / name, version=1, as_zip=as_zip, now=NOW)
        for name in ("a.zip", "b.zip")
    )
    assert dict(first.files) == dict(second.files)
    if as_zip:
        assert first.path.read_bytes() == second.path.read_bytes()
        with zipfile.ZipFile(first.path) as archive:
            assert {MANIFEST, CARD, "golden/input.npy"} <= set(archive.namelist())
    with pytest.raises(ConfigError, match="never overwritten"):
        pack_bundle(cells.path, first.path, version=1, now=NOW)


def card_of(tmp_path: Path, kind: str) -> str:
    folder = draw_folder(tmp_path / "compressed", kind)
    return pack_bundle(folder.path, tmp_path / "out", version=1, now=NOW).files[CARD].decode()


def test_card_of_cells_says_what_is_quantised_and_what_was_not_measured(tmp_path: Path) -> None:
    card = card_of(tmp_path, "cells")
    assert "full INT8 TFLite, outputs dequantised in the file" in card
    assert "INT8 ONNX (QDQ), scales per channel, the mean of the map in float" in card
    assert "outside the cell black" in card
    assert "cells of a field: threshold 0.5" in card
    assert "P. falciparum (NIH)" in card and "mostly P. vivax (IML)" in card
    assert "| onnx | onnx | 99.00% | 0.200 |" in card
    assert "| tflite_runtime | tflite | not measured | not measured |" in card
    assert "150 uninfected, 150 parasitised" in card


def test_card_of_several_labels_has_no_threshold(tmp_path: Path) -> None:
    card = card_of(tmp_path, "covid")
    assert "Class and source are confounded" in card
    assert "threshold 0.5" not in card and "there is no threshold" in card
    assert "black" not in card
    assert "softmax(logit / temperature)" in card
    assert "AUC (mean over labels, each against the rest) 0.9899 against 0.9900" in card
    assert "100 X-rays of 7 patients" in card and "| macro_auc | 0.9899 |" in card


def test_card_of_stages_says_which_species(tmp_path: Path) -> None:
    card = card_of(tmp_path, "stages")
    assert "P. vivax" in card and "outputs in INT8 (some 240 values)" in card


def test_card_of_childrens_x_rays_says_whose(tmp_path: Path) -> None:
    card = card_of(tmp_path, "pneumonia")
    assert "children of one hospital" in card
    assert "single X-rays: threshold 0.5" in card and "cells of a field" not in card


def refused(path: Path, message: str, error: type[Exception] = DataError) -> None:
    """Packing is refused, and leaves nothing."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(error, match=message):
        pack_bundle(path, path.parent / "out", version=1, now=NOW)
    assert sorted(path.parent.iterdir()) == before


def test_lost_parity_is_not_packed(cells: Folder) -> None:
    lost = replace(cells.record.parity, auc_int8=0.98)
    refused(cells.rewrite(parity=lost), r"loses 0\.01000 AUC .* on litert/tflite")


def test_format_that_was_not_compared_is_not_packed(cells: Folder) -> None:
    half = replace(cells.record.parity, runtimes=cells.record.parity.runtimes[:1])
    refused(cells.rewrite(parity=half), r"drawn\.onnx-int8\.onnx was not compared .* on onnx/onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ("int8-float-out",)}, "2 weights and 1 variants"),
        ({"variants": ("int8-float-out", "int8")}, "is onnx and called 'int8'"),
        ({"variants": ("int4", "onnx-int8")}, "is tflite and called 'int4'; known variants"),
        ({"field_operating_point": None}, "has no field_operating_point"),
    ],
)
def test_record_that_does_not_fit_together_is_refused(
    cells: Folder, changes: dict[str, Any], message: str
) -> None:
    refused(cells.rewrite(**changes), message)


def test_two_files_of_one_format_are_refused(cells: Folder) -> None:
    first = cells.record.weights[0]
    path = cells.rewrite(weights=(first, first), variants=("int8", "int8"))
    refused(path, "weights are tflite, tflite; a device opens one of each")


def test_bundle_without_tflite_is_refused(cells: Folder) -> None:
    path = cells.rewrite(weights=cells.record.weights[1:], variants=("onnx-int8",))
    refused(path, "there are no tflite weights; golden tensors come from LiteRT")


def test_recipe_of_another_size_is_refused(cells: Folder) -> None:
    recipe = replace(cells.record.recipe, preprocessing=Preprocessing(32))
    refused(cells.rewrite(recipe=recipe), r"takes images of \(-1, 16, 16, 3\), the recipe makes 32")


def test_two_labels_without_a_threshold_are_refused(cells: Folder) -> None:
    refused(cells.rewrite(operating_point=None), "operating_point is missing", ManifestError)


def test_several_labels_with_a_threshold_are_refused(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "compressed", "covid")
    path = folder.rewrite(operating_point=point())
    refused(path, "operating_point is given, but 3 labels have none", ManifestError)


def test_task_or_data_without_words_is_refused(cells: Folder) -> None:
    recipe = cells.record.recipe
    novelty = replace(recipe, task="malaria-novelty")
    refused(cells.rewrite(recipe=novelty), "no bundle of it has words", ConfigError)
    other = replace(recipe, dataset="iml-cells")
    refused(cells.rewrite(recipe=other), "'iml-cells', whose limits are not", ConfigError)


def test_altered_missing_or_foreign_file_is_refused(cells: Folder, tmp_path: Path) -> None:
    first, second = cells.record.weights
    file = cells.path / first.file
    whole = file.read_bytes()
    file.write_bytes(whole + b" ")
    refused(cells.path, "is not the file that .* was written for")
    file.unlink()
    refused(cells.path, "holds no file 'drawn.int8-float-out.tflite'")
    (tmp_path / "outside.tflite").write_bytes(whole)
    outside = replace(first, file="../outside.tflite")
    refused(cells.rewrite(weights=(outside, second)), "holds no file '../outside.tflite'")


def test_kernels_that_part_are_refused_by_name(cells: Folder) -> None:
    other = make_variant("onnx-int8", another_network(), crops(), SCALE)
    (cells.path / file_of(other)).write_bytes(other.content)
    path = cells.rewrite(weights=(cells.record.weights[0], entry(other)))
    refused(path, r"ONNX Runtime on drawn\.onnx-int8\.onnx gives a golden logit .* at most 0\.5")


def another_network() -> Any:
    model = tiny_network(1)
    cam = model.get_layer("cam")
    cam.set_weights([value * -4 for value in cam.get_weights()])
    return model


def test_too_large_a_bundle_is_refused(cells: Folder) -> None:
    first, second = cells.record.weights
    # What follows a flatbuffer is not read.
    content = (cells.path / first.file).read_bytes() + bytes(MAX_BYTES)
    (cells.path / first.file).write_bytes(content)
    large = replace(first, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    path = cells.rewrite(weights=(large, second))
    refused(path, r"would have 1,\d+,\d+ bytes, at most 1,000,000 ship; .*tflite 1,0")


def test_bundle_that_fails_its_own_golden_tensors_is_not_left(
    cells: Folder, tmp_path: Path
) -> None:
    files = dict(pack_bundle(cells.path, tmp_path / "whole", version=1, now=NOW).files)
    files["golden/logit.npy"] = files["golden/logit.npy"][:-4] + np.float32(99).tobytes()
    manifest = json.loads(files[MANIFEST])
    manifest["files"]["golden/logit.npy"] = hashlib.sha256(files["golden/logit.npy"]).hexdigest()
    files[MANIFEST] = json.dumps(manifest).encode()
    for as_zip in (False, True):
        with pytest.raises(GoldenMismatchError, match="golden logit differs"):
            write_proven(files, tmp_path / "broken", as_zip)
    assert {path.name for path in tmp_path.iterdir()} == {"compressed", "whole"}


def test_broken_or_absent_record_is_refused(cells: Folder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no compressed\.json"):
        pack_bundle(tmp_path, tmp_path / "out", version=1)
    (cells.path / RECORD_FILE).write_text('{"recipe": {}}')
    refused(cells.path, "cannot be packed: .*; run `compress run` again")


def test_packed_bundle_is_read_by_the_device(
    cells: Folder, tmp_path: Path, clinicscope: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "cells.zip"
    code, said, err = clinicscope(
        "compress", "pack", cells.path, "--out", out, "--version", 2, "--zip"
    )
    assert code == 0, err
    assert f"malaria-cells-2 sha256 {open_bundle(out).sha256}" in said
    code, said, err = clinicscope("bundle", "verify", out)
    assert code == 0, err
    assert f"{MOST_IMAGES} golden cells" in said
    code, _, err = clinicscope("compress", "pack", cells.path, "--out", out)
    assert code == 3 and "never overwritten" in err


def test_large_inputs_are_fewer() -> None:
    weights = entry(variant("int8", 1))
    each = SIZE_PX**2 * 3 + 4 * (1 + 8 * 8)
    spec = Preprocessing(SIZE_PX)
    assert count_in(10**6, spec, [weights]) == MOST_IMAGES
    assert count_in(9 * each, spec, [weights]) == 8
    assert count_in(-5, spec, [weights]) == LEAST_IMAGES


def test_drawn_inputs_differ_and_are_the_same_each_time() -> None:
    for task, mask in (
        ("cxr-covid", "none"),
        ("malaria-stages", "black"),
        ("malaria-cells", "black"),
    ):
        spec = Preprocessing(48, mask=mask)
        images = draw_images(task, spec, 8)
        assert images.shape == (8, 48, 48, 3)
        assert np.array_equal(images, draw_images(task, spec, 8))
        assert len(np.unique(images.reshape(8, -1), axis=0)) == 8
        assert (np.ptp(images, axis=3) == 0).all() == (task == "cxr-covid")
        assert images.std() > 20
