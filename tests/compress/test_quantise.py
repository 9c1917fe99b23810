"""Full INT8, and what the manifest says of it."""

from __future__ import annotations

import numpy as np
import pytest

from compress.quantise import describe_weights, pin_range, quantise_int8
from compress.tflite import check_integer, operations, uint8_converter
from edge.contract.errors import DataError
from tests.support.tiny_networks import SCALE, tiny_crops, tiny_network

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_full_int8_computes_in_integers_alone(n_outputs: int) -> None:
    content = quantise_int8(tiny_network(n_outputs), tiny_crops(), SCALE, float_outputs=False)
    assert not any(operation.is_float for operation in operations(content))
    weights = describe_weights(content, file="m.tflite", parent="p", scale=SCALE)
    image, logit, cam = weights.inputs[0], weights.output("logit"), weights.output("cam")
    assert (image.dtype, image.zero_point) == ("uint8", 0)
    assert (logit.dtype, cam.dtype) == ("int8", "int8")
    assert image.scale == pytest.approx(SCALE, rel=1e-3)
    assert logit.shape == (-1, n_outputs)
    assert cam.shape == (-1, 8, 8, n_outputs)


def test_dark_representatives_still_span_all_of_uint8() -> None:
    dark = tiny_crops() // 4 + 10
    assert (pin_range(dark).min(), pin_range(dark).max()) == (0, 255)
    assert dark.min() == 10
    weights = describe_weights(
        quantise_int8(tiny_network(1), dark, SCALE), file="m.tflite", parent="p", scale=SCALE
    )
    assert (weights.inputs[0].dtype, weights.inputs[0].zero_point) == ("uint8", 0)


def test_another_input_scale_is_refused() -> None:
    content = quantise_int8(tiny_network(1), tiny_crops(), SCALE)
    with pytest.raises(DataError, match=r"input is uint8 with scale 0\.003922"):
        describe_weights(content, file="m.tflite", parent="p", scale=1 / 127)


def test_float_input_is_refused() -> None:
    import tensorflow as tf

    content = tf.lite.TFLiteConverter.from_keras_model(tiny_network(1)).convert()
    with pytest.raises(DataError, match="input is float32"):
        describe_weights(content, file="m.tflite", parent="p", scale=SCALE)


def test_outputs_of_another_kind_are_refused() -> None:
    import tensorflow as tf
    from tf_keras import Model

    model = tiny_network(1)
    alone = Model(model.input, tf.squeeze(model.output["cam"], 3))
    converter = tf.lite.TFLiteConverter.from_keras_model(alone)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [crop[None].astype(np.float32) * SCALE] for crop in pin_range(tiny_crops())
    )
    converter.inference_input_type = tf.uint8
    with pytest.raises(DataError, match=r"output 0 has the shape \(-1, 8, 8\)"):
        describe_weights(converter.convert(), file="m.tflite", parent="p", scale=SCALE)


def test_float_operations_are_named() -> None:
    content = uint8_converter(tiny_network(1), SCALE).convert()
    with pytest.raises(DataError, match=r"full INT8 was asked for.*CAST.*CONV_2D.*MEAN"):
        check_integer(content, "full INT8")
