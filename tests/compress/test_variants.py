"""Every variant of a tiny network, on the runtime that a device runs it on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from compress.export_onnx import describe_onnx
from compress.quantise import describe_weights
from compress.variants import FROM_AWARE, VARIANTS, Variant, make_variant
from edge.contract.errors import ConfigError, DataError
from edge.runtimes.base import Runtime
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime
from tests.support.tiny_networks import SCALE, float_outputs, network_with, tiny_crops, tiny_network

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]

# Root of the mean squared difference of the logits to float, as a share of their spread.
TOLERANCES = {"float32": 1e-5, "float16": 3e-3, "int16x8": 0.05, "onnx-float32": 1e-5}
INT8_TOLERANCE = 0.05
OUTPUT_DTYPES = {"int8": "int8", "int8-second": "int8", "int8-int16-out": "int16"}

network = cache(tiny_network)
crops = cache(tiny_crops)


@cache
def variant(name: str, n_outputs: int) -> Variant:
    return make_variant(name, network(n_outputs), crops(), SCALE)


def opened(made: Variant) -> Runtime:
    if made.format == "onnx":
        return OnnxRuntime(made.content, describe_onnx(made.content, file="m.onnx", parent=""))
    weights = describe_weights(made.content, file="m.tflite", parent="", scale=SCALE)
    return LiteRTRuntime(made.content, weights)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_variant_agrees_with_float_in_batches_of_one_and_five(name: str, n_outputs: int) -> None:
    runtime = opened(variant(name, n_outputs))
    logits, cams = float_outputs(network(n_outputs), crops())
    allowed = TOLERANCES.get(name, INT8_TOLERANCE) * logits.std()
    fives = [runtime.run(crops()[at : at + 5]) for at in range(0, len(crops()), 5)]
    ones = [runtime.run(crops()[at : at + 1]) for at in range(len(crops()))]
    for scores in (fives, ones):
        found = np.concatenate([score.logits for score in scores]).reshape(logits.shape)
        assert np.sqrt(np.mean((found - logits) ** 2)) < allowed
        maps = np.concatenate([score.cams for score in scores]).reshape(cams.shape)
        assert np.sqrt(np.mean((maps - cams) ** 2)) < allowed * cams.std() / logits.std()


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_says_what_it_is(name: str) -> None:
    made = variant(name, 3)
    weights = opened(made).weights
    assert weights.inputs[0].dtype == "uint8"
    assert weights.inputs[0].shape == (-1, 16, 16, 3)
    assert weights.output("logit").shape == (-1, 3)
    assert weights.output("cam").shape == (-1, 8, 8, 3)
    assert weights.output("logit").dtype == OUTPUT_DTYPES.get(name, "float32")
    assert (weights.format, weights.bytes) == (made.format, len(made.content))


# Each way of making one; the other variants differ from these in a setting.
@pytest.mark.parametrize(
    "name", ["float32", "int8-float-out", "int16x8", "int8-mixed", "int8-int16-out", "onnx-int8"]
)
def test_same_network_gives_the_same_bytes(name: str) -> None:
    again = make_variant(name, network(1), crops(), SCALE)
    assert again.content == variant(name, 1).content
    assert again.note == variant(name, 1).note


def test_sizes_are_in_order() -> None:
    # Of a network this small, names and quantisation tables are most of the file.
    sizes = {name: len(variant(name, 1).content) for name in ("float32", "float16")}
    assert sizes["float32"] > sizes["float16"]
    assert len(variant("onnx-float32", 1).content) > len(variant("onnx-int8", 1).content)


def test_int16_and_float_heads_tell_more_scores_apart() -> None:
    many = tiny_crops(400)
    counts = {
        name: len(np.unique(opened(variant(name, 1)).run(many).logits))
        for name in ("int8", "int8-float-out", "int8-int16-out", "onnx-int8")
    }
    assert counts["int8"] == counts["int8-float-out"] <= 255
    assert min(counts["int8-int16-out"], counts["onnx-int8"]) > 1.2 * counts["int8"]


def test_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no variant 'int4'; known: float32, float16, dynamic"):
        make_variant("int4", network(1), crops(), SCALE)


def sine(x: Any) -> Any:
    import tensorflow as tf

    return tf.sin(x)


def error_function(x: Any) -> Any:
    import tensorflow as tf

    return tf.math.erf(x)


@pytest.mark.parametrize("name", ["int8", "int8-float-out", "int8-second", "int16x8"])
def test_operation_without_an_integer_kernel_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"(?i)\bsin\b"):
        make_variant(name, network_with(sine), crops(), SCALE)


@pytest.mark.parametrize("name", ["float32", "int8", "int8-mixed"])
def test_operation_that_tflite_lacks_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="TFLite refuses Erf"):
        make_variant(name, network_with(error_function), crops(), SCALE)


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - FROM_AWARE))
def test_fake_quantisation_is_refused_where_it_is_no_use(name: str) -> None:
    from compress.aware import aware_copy

    with pytest.raises(DataError, match=r"give `aware\.float_copy` of it"):
        make_variant(name, aware_of_one(aware_copy), crops(), SCALE)


@cache
def aware_of_one(aware_copy: Any) -> Any:
    return aware_copy(network(1))
