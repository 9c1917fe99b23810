"""The layer-by-layer error, and the one layer that is left in float."""

from __future__ import annotations

import numpy as np
import pytest

from compress.layer_errors import layer_errors, layer_of
from compress.mixed import quantise_mixed
from compress.tflite import operations, tflite_outputs
from tests.support.tiny_networks import SCALE, float_outputs, tiny_crops, tiny_network

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]


def test_errors_name_each_layer_worst_first() -> None:
    model = tiny_network(3)
    errors = layer_errors(model, tiny_crops(), SCALE)
    convolutions = [layer.name for layer in model.layers if hasattr(layer, "kernel")]
    assert {error.layer for error in errors} == {*convolutions, "logit"}
    assert {error.layer: error.kind for error in errors}["logit"] == "MEAN"
    steps = [error.steps for error in errors]
    assert steps == sorted(steps, reverse=True)
    # Rounding to the nearest step alone gives .29.
    assert 0.02 < min(steps) <= max(steps) < 1.5


def test_layer_of_a_fused_name_is_the_one_that_multiplies() -> None:
    model = tiny_network(1)
    convolution = next(layer.name for layer in model.layers if hasattr(layer, "kernel"))
    tensor = f"plain_cnn/re_lu/Relu6;plain_cnn/{convolution}/Conv2D1"
    assert layer_of(tensor, model.layers) == convolution
    assert layer_of("Cast_7", model.layers) == "Cast_7"


def test_mixed_leaves_one_layer_in_float_and_is_nearer_to_float() -> None:
    model, crops = tiny_network(1), tiny_crops()
    mixed = quantise_mixed(model, crops, SCALE)
    logits, _ = float_outputs(model, crops)
    found, _ = tflite_outputs(mixed.content, crops)
    assert np.sqrt(np.mean((found - logits) ** 2)) == pytest.approx(mixed.rmse, rel=1e-4)
    assert mixed.rmse < mixed.rmse_int8
    computing = [
        operation
        for operation in operations(mixed.content)
        if operation.kind not in {"CAST", "QUANTIZE", "DEQUANTIZE"}
    ]
    assert sum(operation.is_float for operation in computing) == 1
    assert mixed.note.startswith(f"{mixed.layer} in float")
