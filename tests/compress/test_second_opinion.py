"""ai-edge-quantizer's INT8: what is in the file; that it runs is in test_variants."""

from __future__ import annotations

import numpy as np
import pytest

from compress.second_opinion import quantise_second
from compress.tflite import operations, tflite_outputs, uint8_converter
from edge.contract.errors import DataError
from tests.support.tiny_networks import SCALE, float_outputs, tiny_crops, tiny_network

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]


@pytest.fixture(scope="module")
def floats() -> bytes:
    return bytes(uint8_converter(tiny_network(1), SCALE).convert())


def test_only_the_image_passes_through_float(floats: bytes) -> None:
    found = operations(quantise_second(floats, tiny_crops()))
    assert [operation.kind for operation in found if operation.is_float] == ["CAST", "QUANTIZE"]
    assert all(operation.output_types == ("int8",) for operation in found[1:])


def test_wide_outputs_are_int16_and_the_rest_int8(floats: bytes) -> None:
    found = operations(quantise_second(floats, tiny_crops(), int16_outputs=True))
    types = {operation.kind: operation.output_types[0] for operation in found}
    assert types["MEAN"] == "int16"
    assert [operation.output_types[0] for operation in found if operation.kind == "CONV_2D"] == [
        "int8",
        "int8",
        "int16",
    ]


def test_ranges_do_not_depend_on_the_order_of_crops(floats: bytes) -> None:
    # Its own calibration forgets: infected cells first would leave their logits out of range.
    sorted_crops = np.concatenate([tiny_crops()[::2], tiny_crops()[1::2]])
    logits, _ = float_outputs(tiny_network(1), tiny_crops())
    found, _ = tflite_outputs(quantise_second(floats, sorted_crops), tiny_crops())
    assert np.sqrt(np.mean((found - logits) ** 2)) < 0.05 * logits.std()


def test_float_image_is_refused() -> None:
    import tensorflow as tf

    content = tf.lite.TFLiteConverter.from_keras_model(tiny_network(1)).convert()
    with pytest.raises(DataError, match="ai-edge-quantizer refuses the network: Cannot set"):
        quantise_second(content, tiny_crops())
