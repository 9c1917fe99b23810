"""Autoencoders as files: score and map agree with what was fitted; what cannot be made says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.novelty_forms import COLUMNS, representatives
from compress.tflite import tflite_outputs
from compress.variants import make_variant
from edge.contract.errors import DataError
from edge.contract.preprocess import Preprocessing
from edge.contract.types import U8Array
from edge.runtimes.onnx import OnnxRuntime
from tests.support.drawn_task import PLAIN, drawn_task, reconstructing, tiny_recipe
from tests.support.drawn_variants import drawn_crops
from tests.support.tiny_networks import SCALE, float_outputs
from train.fit import fit
from train.models import build_model
from train.models.residuals import ResidualSpec
from train.recipe_parts import ModelSpec
from train.report.studies import read_study

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]
SIZE_PX = 32
Run = Callable[..., tuple[int, str, str]]
SPECS = {
    "grey": ModelSpec("grey_autoencoder", top_k=64, residual=ResidualSpec("darker")),
    "simplified": ModelSpec(
        "grey_autoencoder", top_k=64, residual=ResidualSpec("darker", threshold=0.8, levels=4)
    ),
    "colour": ModelSpec(
        "colour_autoencoder",
        widths=(8, 8),
        strides=(2, 2),
        patch=2,
        top_k=4,
        residual=ResidualSpec("darker", block_px=4),
    ),
    "saturated": ModelSpec(
        "colour_autoencoder",
        widths=(8, 8),
        strides=(2, 2),
        top_k=4,
        residual=ResidualSpec("saturated", block_px=2),
    ),
    "pair": ModelSpec("feature_pair", top_k=2),
}


@cache
def network(name: str) -> Any:
    """With fresh weights, and the statistics of the crops."""
    import tf_keras
    from tf_keras.layers import BatchNormalization

    tf_keras.utils.set_random_seed(3)
    model = build_model(SPECS[name], Preprocessing(SIZE_PX))
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.momentum = 0.0
    model(crops().astype(np.float32) * np.float32(SCALE), training=True)
    return model


@cache
def crops() -> U8Array:
    return drawn_crops(64, SIZE_PX)


# A step of a simplified image turns a rounding error into a level.
LEAST_ALIKE = dict.fromkeys(SPECS, 0.99) | {"simplified": 0.85}


@pytest.mark.parametrize("name", SPECS)
def test_integers_agree_with_what_was_fitted(name: str) -> None:
    variant = make_variant("int8", network(name), crops(), SCALE)
    logits, maps = tflite_outputs(variant.content, crops())
    expected, expected_maps = float_outputs(network(name), crops())
    assert np.corrcoef(logits[:, 0], expected[:, 0])[0, 1] > LEAST_ALIKE[name]
    assert np.corrcoef(maps.ravel(), expected_maps.ravel())[0, 1] > LEAST_ALIKE[name]


@pytest.mark.parametrize("name", SPECS)
def test_float_onnx_is_what_was_fitted(name: str) -> None:
    from compress.export_onnx import describe_onnx

    content = make_variant("onnx-float32", network(name), crops(), SCALE).content
    runtime = OnnxRuntime(content, describe_onnx(content, file="m.onnx", parent=""))
    scores = runtime.run(crops()[:5])
    expected, maps = float_outputs(network(name), crops()[:5])
    np.testing.assert_allclose(scores.logits.reshape(-1, 1), expected, atol=1e-3)
    np.testing.assert_allclose(scores.cams.reshape(maps.shape), maps, atol=1e-4)


@pytest.mark.parametrize("name", ["grey", "colour"])
def test_integer_onnx_names_what_stays_in_float(name: str) -> None:
    with pytest.raises(DataError, match=r"ONNX INT8 .* stay in float: .*ReduceMax"):
        make_variant("onnx-int8", network(name), crops(), SCALE)


def test_ranges_come_from_healthy_cells_and_drawn_parasites() -> None:
    recipe = reconstructing(SPECS["colour"])
    healthy = crops()[::2]
    found = representatives(recipe, healthy)
    assert found.shape == healthy.shape
    np.testing.assert_array_equal(found, representatives(recipe, healthy))
    assert representatives(tiny_recipe(PLAIN), healthy).shape == healthy.shape


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn"), cells=2) as folder:
        yield folder


def test_command_writes_a_row_for_each_form(
    clinicscope: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fit(replace(reconstructing(SPECS["colour"]), seed=2), tmp_path / "colour", data=data)
    fit(tiny_recipe(PLAIN), tmp_path / "classifier", data=data)
    out = tmp_path / "forms.json"
    code, _, err = clinicscope(
        *("compress", "novelty", tmp_path / "colour", tmp_path / "classifier"),
        *("--form", "int8", "--form", "onnx-int8", "--runs", "5", "--data", data, "--out", out),
    )
    assert code == 0, err
    study = read_study(out)
    assert study.columns == COLUMNS
    assert [row[:2] for row in study.rows] == [
        ("colour", "int8"),
        ("colour", "onnx-int8"),
        ("classifier", "int8"),
        ("classifier", "onnx-int8"),
    ]
    assert 1_000 < study.rows[0][2] < 100_000
    assert "stay in float" in study.rows[1][-1]
    assert study.rows[1][2] == ""
    assert all(row[9] > 0 for row in study.rows if row[2])
