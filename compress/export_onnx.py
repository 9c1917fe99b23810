"""Keras to ONNX, float and INT8 (QDQ): uint8 images in NHWC straight in, `logit` and `cam` out.

INT8 has scales per channel for weights and ranges of the representative set for activations. The
mean over the map stays in float, so that a score has more than 255 values.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from compress.quantise import pin_range
from compress.tflite import uint8_function
from edge.contract.errors import DataError
from edge.contract.manifest import TensorSpec, Weights
from edge.contract.types import U8Array

# Opset 17 is read by ONNX Runtime 1.12 and TensorRT 8.6 on.
OPSET = 17
_CALIBRATION_BATCH = 16
# They move values and compute nothing.
_MOVES = frozenset({"Reshape", "SpaceToDepth", "Transpose"})
_DTYPES = {1: "float32", 2: "uint8"}
# What has weights.
_SUMS = frozenset({"Conv", "Gemm", "MatMul"})


def export_onnx(model: Any, scale: float) -> bytes:
    """The float network, batch norms folded into the convolutions.

    Args:
        model: Keras model with outputs `logit` and `cam`.
        scale: from uint8 to the model's range; a Mul inside the file.

    Raises:
        DataError: ONNX has no such operation; named.
    """
    import tensorflow as tf
    import tf2onnx
    from onnx import defs

    function = uint8_function(model, scale)
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")]
    with _exporting():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    unknown = sorted({node.op_type for node in proto.graph.node if not defs.has(node.op_type)})
    if unknown:
        raise DataError(
            f"ONNX cannot be made: it has no {', '.join(unknown)}; build the network from other "
            "layers"
        )
    _tidy(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def quantise_onnx(content: bytes, representative: U8Array) -> bytes:
    """INT8 by QuantizeLinear and DequantizeLinear round every convolution, outputs in float32.

    Args:
        content: of `export_onnx`.
        representative: (N,H,W,3) uint8 RGB.

    Raises:
        DataError: an operation before the last convolution stays in float; named.
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
            _reader(pin_range(representative)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_kept_in_float(onnx.load(prepared).graph),
        )
        proto = onnx.load(quantised)
    _feed_integers(proto.graph)
    _tidy(proto)
    _check_quantised(proto.graph)
    return bytes(proto.SerializeToString(deterministic=True))


def describe_onnx(content: bytes, *, file: str, parent: str) -> Weights:
    """The manifest's entry for a classifier, read back from the file itself.

    Raises:
        DataError: the file has not a uint8 `image` and float32 `logit` and `cam`.
    """
    import onnx

    graph = onnx.load_from_string(content).graph
    inputs = [_tensor(value, index) for index, value in enumerate(graph.input)]
    outputs = [_tensor(value, index) for index, value in enumerate(graph.output)]
    found = {(spec.name, spec.dtype) for spec in (*inputs, *outputs)}
    expected = {("image", "uint8"), ("logit", "float32"), ("cam", "float32")}
    if found != expected:
        raise DataError(
            f"{file} has the tensors {sorted(found)}; expected {sorted(expected)}: export it with "
            "`export_onnx`"
        )
    return Weights(
        "classifier",
        "onnx",
        file,
        hashlib.sha256(content).hexdigest(),
        len(content),
        parent,
        tuple(inputs),
        tuple(outputs),
    )


@contextmanager
def _exporting() -> Iterator[None]:
    try:
        yield
    except (NotImplementedError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:300]
        raise DataError(
            f"ONNX cannot be made: {reason}; build the network from other layers"
        ) from error


def _tidy(proto: Any) -> None:
    """The same network gives the same bytes: converters count names up from call to call, and
    give nodes in the order of those names.
    """
    graph = proto.graph
    nodes = _from_outputs(graph)
    by_name = {constant.name: constant for constant in graph.initializer}
    # A dict, since a constant may be used often.
    constants = list(
        {name: by_name[name] for node in nodes for name in node.input if name in by_name}
    )
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    names |= {name: f"constant_{index}" for index, name in enumerate(constants)}
    for index, node in enumerate(nodes):
        node.name = f"{node.op_type}_{index}"
        for position, output in enumerate(node.output):
            names.setdefault(output, f"{node.name}_{position}")
    for node in nodes:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    kept = [by_name[name] for name in constants]
    for constant in kept:
        constant.name = names[constant.name]
    _replace(graph.node, nodes)
    _replace(graph.initializer, kept)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del graph.value_info[:]
    del proto.metadata_props[:]
    graph.name, graph.doc_string, proto.doc_string = "network", "", ""


def _from_outputs(graph: Any) -> list[Any]:
    """The nodes, each after those that it needs, in an order that no name decides."""
    made_by = {output: node for node in graph.node for output in node.output}
    order: list[Any] = []
    done: set[str] = set()
    waiting = sorted((value.name for value in graph.output), reverse=True)
    while waiting:
        node = made_by.get(waiting[-1])
        if node is None or node.output[0] in done:
            waiting.pop()
            continue
        missing = [n for n in node.input if n in made_by and made_by[n].output[0] not in done]
        if missing:
            waiting += reversed(missing)
            continue
        done.add(node.output[0])
        order.append(node)
        waiting.pop()
    return order


def _replace(field: Any, values: list[Any]) -> None:
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)


def _reader(crops: U8Array) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Batches of the representative set, once."""

        def __init__(self) -> None:
            starts = range(0, len(crops), _CALIBRATION_BATCH)
            self.batches = iter([{"image": crops[at : at + _CALIBRATION_BATCH]} for at in starts])

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next one, None at the end."""
            return next(self.batches, None)

    return Reader()


def _kept_in_float(graph: Any) -> list[str]:
    """The scaling of the image, and whatever comes after the last convolution."""
    used_by: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            used_by.setdefault(name, []).append(node)
    before = _before_last_sums(graph)
    kept = [
        node.name for node in graph.node if node.name not in before and node.op_type not in _SUMS
    ]
    (cast,) = used_by[graph.input[0].name]
    waiting = list(used_by[cast.output[0]])
    while waiting:
        node = waiting.pop()
        if node.op_type in _MOVES | {"Mul"}:
            kept.append(node.name)
            waiting += used_by.get(node.output[0], ())
    return kept


def _feed_integers(graph: Any) -> None:
    """Gives the image to the first convolution as it is, where its step is that of uint8.

    Casting, scaling and rounding again would give the same integers. Where the ranges say
    otherwise the file stays as it was.
    """
    from onnx.numpy_helper import to_array

    made_by = {output: node for node in graph.node for output in node.output}
    constants = {constant.name: to_array(constant) for constant in graph.initializer}
    for node in graph.node:
        rounding = made_by.get(node.input[0])
        if node.op_type != "DequantizeLinear" or rounding is None:
            continue
        path = _back_to_scaling(rounding, made_by)
        if not path:
            continue
        scaling, first = path[-1], path[-2]
        step, zero = constants[node.input[1]], constants[node.input[2]]
        if np.allclose(step, constants[scaling.input[1]], rtol=1e-3) and zero == 0:
            first.input[0] = graph.input[0].name
            node.input[0] = rounding.input[0]


def _back_to_scaling(rounding: Any, made_by: dict[str, Any]) -> list[Any]:
    """The nodes from a QuantizeLinear back to the Mul of the cast image; empty from elsewhere."""
    path = [rounding]
    while (node := made_by.get(path[-1].input[0])) is not None:
        path.append(node)
        if node.op_type == "Mul":
            before = made_by.get(node.input[0])
            return path if before is not None and before.op_type == "Cast" else []
        if node.op_type not in _MOVES:
            return []
    return []


def _before_last_sums(graph: Any) -> set[str]:
    """Names of the nodes that a convolution or dense layer comes after."""
    made_by = {output: node for node in graph.node for output in node.output}
    waiting = [name for node in graph.node if node.op_type in _SUMS for name in node.input]
    found: set[str] = set()
    while waiting:
        node = made_by.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += node.input
    return found


def _check_quantised(graph: Any) -> None:
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    known = {*QDQRegistry, *QLinearOpsRegistry, *_MOVES, "QuantizeLinear", "DequantizeLinear"}
    before = _before_last_sums(graph)
    stayed = [
        f"{node.op_type} ({node.name})"
        for node in graph.node
        if node.name in before and node.op_type not in known
    ]
    if stayed:
        raise DataError(
            f"ONNX INT8 was asked for, but these operations stay in float: {', '.join(stayed[:8])};"
            " take the layers out, or ship onnx-float32"
        )


def _tensor(value: Any, index: int) -> TensorSpec:
    kind = value.type.tensor_type
    sides = tuple(-1 if side.dim_param else side.dim_value for side in kind.shape.dim)
    return TensorSpec(value.name, sides, _DTYPES.get(kind.elem_type, str(kind.elem_type)), index)
