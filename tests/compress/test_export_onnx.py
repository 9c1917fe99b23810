"""ONNX in float and INT8: what is in the files; that they run is in test_variants."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

from compress.export_onnx import describe_onnx, export_onnx, quantise_onnx
from edge.contract.errors import DataError
from tests.support.tiny_networks import (
    SCALE,
    float_outputs,
    network_with,
    tiny_crops,
    tiny_network,
)

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]


@cache
def exported(n_outputs: int, patch: int = 1) -> bytes:
    return export_onnx(tiny_network(n_outputs, patch=patch), SCALE)


def kinds(content: bytes) -> Counter[str]:
    import onnx

    return Counter(node.op_type for node in onnx.load_from_string(content).graph.node)


def test_batch_norms_are_folded_and_transposes_are_at_the_ends() -> None:
    import onnx

    nodes = onnx.load_from_string(exported(3)).graph.node
    assert kinds(exported(3))["BatchNormalization"] == 0
    order = [node.op_type for node in nodes]
    first, last = order.index("Conv"), len(order) - order[::-1].index("Conv")
    assert "Transpose" not in order[first:last]


def test_int8_takes_the_image_as_it_is_and_scales_weights_per_channel() -> None:
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load_from_string(quantise_onnx(exported(3), tiny_crops())).graph
    counts = Counter(node.op_type for node in graph.node)
    assert counts["Cast"] == counts["Mul"] == 0
    constants = {constant.name: to_array(constant) for constant in graph.initializer}
    made_by = {node.output[0]: node for node in graph.node}
    for node in graph.node:
        if node.op_type == "Conv":
            kernel = made_by[node.input[1]]
            assert constants[kernel.input[0]].dtype == np.int8
            assert constants[kernel.input[1]].shape == constants[kernel.input[0]].shape[:1]
    assert made_by["logit"].op_type == "Squeeze"


def test_pixels_stacked_first_stay_integers() -> None:
    import onnxruntime

    content = quantise_onnx(exported(1, patch=2), tiny_crops())
    assert kinds(content)["Cast"] == 0
    session = onnxruntime.InferenceSession(content)
    (found,) = session.run(["logit"], {"image": tiny_crops()})
    logits, _ = float_outputs(tiny_network(1, patch=2), tiny_crops())
    # A tenth of the spread is rounding; a stack of pixels in another order is all of it.
    assert np.sqrt(np.mean((found - logits) ** 2)) < 0.1 * logits.std()


def test_description_gives_names_and_shapes() -> None:
    weights = describe_onnx(exported(3), file="m.onnx", parent="p")
    assert (weights.role, weights.format, weights.parent) == ("classifier", "onnx", "p")
    assert weights.inputs[0].name == "image"
    assert weights.output("cam").shape == (-1, 8, 8, 3)


def test_other_tensors_are_refused() -> None:
    import onnx

    proto = onnx.load_from_string(exported(1))
    proto.graph.input[0].name = "pixels"
    with pytest.raises(DataError, match="'pixels', 'uint8'"):
        describe_onnx(proto.SerializeToString(), file="m.onnx", parent="p")


def error_function(x: Any) -> Any:
    import tensorflow as tf

    return tf.math.erf(x)


def without_a_form(x: Any) -> Any:
    import tensorflow as tf

    return tf.math.bessel_i0(x)


def test_operation_that_stays_in_float_is_refused() -> None:
    content = export_onnx(network_with(error_function), SCALE)
    with pytest.raises(DataError, match=r"stay in float: Erf \(Erf_\d+\)"):
        quantise_onnx(content, tiny_crops())


def test_operation_that_onnx_lacks_is_refused() -> None:
    with pytest.raises(DataError, match=r"ONNX cannot be made: .*Bessel"):
        export_onnx(network_with(without_a_form), SCALE)
