"""An enhancer to ONNX: float, and INT8 by QuantizeLinear and DequantizeLinear, bytes in and out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from compress.export_onnx import OPSET, calibration_reader, check_known, exporting
from compress.onnx_graph import MOVES, check_quantised, plain_resize, tidy
from compress.quantise import pin_range
from compress.superres.export import LEAST_LEVEL, SCALE, TileNetwork, weights_entry
from edge.contract.errors import DataError
from edge.contract.manifest import ENLARGED, RESIDUAL, TensorSpec, Weights
from edge.contract.types import U8Array

_UINT8 = 2
# They move values and compute nothing.
_MOVES = MOVES | {"DepthToSpace"}
_DTYPES = {1: "float32", _UINT8: "uint8"}


def float_onnx(network: TileNetwork) -> bytes:
    """The network in float32, values of 1 for white in and out, NHWC.

    Raises:
        DataError: ONNX has no such operation; named.
    """
    import tensorflow as tf
    import tf2onnx

    side = network.model.input_shape[1]
    signature = [tf.TensorSpec([None, side, side, 3], tf.float32, name="image")]

    def run(image: Any) -> Any:
        return tf.identity(network.model(image, training=False), network.output)

    with exporting():
        proto, _ = tf2onnx.convert.from_function(
            tf.function(run, input_signature=signature), input_signature=signature, opset=OPSET
        )
    check_known(proto)
    graph = proto.graph
    plain_resize(graph)
    _name_output(graph, network.output)
    tidy(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def int8_onnx(content: bytes, tiles: U8Array) -> bytes:
    """INT8, weights per channel, ranges from `tiles`; both ends uint8, a step a grey level.

    Args:
        content: of `float_onnx`.
        tiles: (N,T,T,3) uint8 RGB of training patients.

    Raises:
        DataError: an operation stays in float; named.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        floats, prepared, quantised = (Path(folder) / f"{name}.onnx" for name in "fpq")
        floats.write_bytes(content)
        quant_pre_process(floats, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            calibration_reader(pin_range(tiles) * np.float32(SCALE)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        proto = onnx.load(quantised)
    _take_bytes(proto.graph)
    _give_bytes(proto.graph)
    tidy(proto)
    check_quantised(proto.graph)
    return bytes(proto.SerializeToString(deterministic=True))


def describe_onnx(content: bytes, *, file: str, parent: str) -> Weights:
    """The manifest's entry, read back from the file itself.

    Args:
        parent: SHA-256 of the fit's weights.

    Raises:
        DataError: not one tile of bytes in and one twice as large out.
    """
    import onnx

    graph = onnx.load_from_string(content).graph
    ends = [_tensor(value) for value in (*graph.input, *graph.output)]
    found = [(end.name, end.dtype) for end in ends]
    if found not in [[("image", "uint8"), (name, "uint8")] for name in (ENLARGED, RESIDUAL)]:
        raise DataError(
            f"{file} has the tensors {found}; expected 'image' and {ENLARGED!r} or {RESIDUAL!r}, "
            "uint8: make it by `int8_onnx`"
        )
    return weights_entry("onnx", content, *ends, file=file, parent=parent)


def _name_output(graph: Any, output: str) -> None:
    """The exporter calls it after TensorFlow's operation."""
    old, graph.output[0].name = graph.output[0].name, output
    for node in graph.node:
        node.input[:] = [output if name == old else name for name in node.input]
        node.output[:] = [output if name == old else name for name in node.output]


def _take_bytes(graph: Any) -> None:
    """Feeds the image as it is to what moves it; the rounding after that would change nothing.

    Raises:
        DataError: something reads the image before it is rounded.
    """
    image = graph.input[0]
    image.type.tensor_type.elem_type = _UINT8
    moved = [image.name]
    for name in moved:
        for node in [node for node in graph.node if name in node.input]:
            if node.op_type in _MOVES:
                moved.append(node.output[0])
                continue
            if node.op_type != "QuantizeLinear":
                raise DataError(
                    f"{node.op_type} reads the image in float; build the network from layers that "
                    "ONNX Runtime quantises"
                )
            _set_grey_levels(graph, node, LEAST_LEVEL["image"])
            _replace_input(graph, node.output[0], name)


def _give_bytes(graph: Any) -> None:
    """Moves bytes to the output; raises DataError where it is not rounded before it is moved."""
    made_by = {output: node for node in graph.node for output in node.output}
    output = graph.output[0]
    last, moving = made_by[output.name], None
    while last.op_type in _MOVES:
        moving, last = last, made_by[last.input[0]]
    if last.op_type != "DequantizeLinear":
        raise DataError(f"{last.op_type} gives the output in float; leave it out")
    _set_grey_levels(graph, last, LEAST_LEVEL[output.name])
    if moving is not None:
        moving.input[0] = last.input[0]
    else:
        last.output[0], rounded = f"{output.name}_in_float", last.input[0]
        _replace_input(graph, rounded, output.name)
        made_by[rounded].output[0] = output.name
    output.type.tensor_type.elem_type = _UINT8


def _set_grey_levels(graph: Any, node: Any, least: int) -> None:
    """Gives a rounding the step of a grey level, from `least` on."""
    from onnx.numpy_helper import from_array

    for constant in graph.initializer:
        if constant.name == node.input[1]:
            constant.CopyFrom(from_array(np.array(SCALE, np.float32), constant.name))
        elif constant.name == node.input[2]:
            constant.CopyFrom(from_array(np.array(-least, np.uint8), constant.name))


def _replace_input(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def _tensor(value: Any) -> TensorSpec:
    kind = value.type.tensor_type
    sides = tuple(-1 if side.dim_param else side.dim_value for side in kind.shape.dim)
    return TensorSpec(value.name, sides, _DTYPES.get(kind.elem_type, str(kind.elem_type)), 0)
