"""What an Edge TPU would take of a TFLite file, and what would stay on the processor, and why.

The rules are Coral's: 8-bit integers throughout, sizes that are fixed, an operation of its list.
Its compiler cuts the network at the first operation that breaks one, and all after it stays on the
processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compress.kernels import operation_name
from edge.contract.errors import DataError

# coral.ai/docs/edgetpu/models-intro, "Supported operations".
SUPPORTED = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS",
    "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "LSTM", "MAXIMUM", "MAX_POOL_2D", "MEAN",
    "MINIMUM", "MUL", "PACK", "PAD", "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU",
    "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT",
    "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM",
    "SQUARED_DIFFERENCE", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
})  # fmt: skip
# Where the list says "might not be mapped", by size.
PERHAPS = frozenset({"RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX"})
COMPILED_OP = "edgetpu-custom-op"
# TensorType in TFLite's schema.fbs.
_UINT8, _INT8, _INT32 = 3, 9, 2
_TYPE_NAMES = {0: "float32", 1: "float16", 2: "int32", 4: "int64", 7: "int16", 17: "int4"}


@dataclass(frozen=True)
class Placed:
    """Where an operation would run.

    Attributes:
        why: why it stays on the processor; or what may keep it there; else empty.
    """

    kind: str
    name: str
    on_tpu: bool
    why: str = ""


def place_operations(content: bytes, file: str, *, any_size: bool = False) -> tuple[Placed, ...]:
    """Where each operation of a TFLite file would run, in the order of execution.

    Args:
        any_size: the device gives it images of any size, whatever size the file names.

    Raises:
        DataError: it is no TFLite file, or is compiled already.
    """
    model = read_model(content, file)
    graph = model.subgraphs[0]
    found: list[Placed] = []
    ended = "takes images of any size, an Edge TPU one" if any_size or _open_sizes(graph) else ""
    for op in graph.operators:
        kind, name = operation_name(model, op), graph.tensors[int(op.outputs[0])].name.decode()
        why = _reason(graph, op, kind) or ended
        if why and not ended:
            ended = f"comes after {kind}, which stays on the processor"
        perhaps = "may stay on the processor where it is large" if kind in PERHAPS else ""
        found.append(Placed(kind, name, not why, why or perhaps))
    return tuple(found)


def read_model(content: bytes, file: str) -> Any:
    """The file as the schema's objects.

    Raises:
        DataError: it is no TFLite file, or is compiled already.
    """
    import struct

    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        codes = [code.customCode for code in model.operatorCodes]
        size = len(model.subgraphs[0].operators)
    except (ValueError, TypeError, IndexError, AttributeError, struct.error) as error:
        raise DataError(f"{file} is no TFLite file: {error}") from error
    if not size:
        raise DataError(f"{file} holds no operation")
    if COMPILED_OP.encode() in codes:
        raise DataError(f"{file} is compiled for the Edge TPU already; give what it was made of")
    return model


def fixed_batch(content: bytes, file: str, *, any_size: bool = False) -> bytes:
    """The file for one image at a time: the compiler takes no sizes that are left open.

    Args:
        any_size: as for `place_operations`.

    Raises:
        DataError: it takes images of any size, or is no TFLite file.
    """
    import flatbuffers

    model = read_model(content, file)
    for graph in model.subgraphs:
        if any_size or _open_sizes(graph):
            raise DataError(
                f"{file} takes images of any size; an Edge TPU needs one, so this network stays on "
                "the processor"
            )
        for tensor in graph.tensors:
            tensor.shapeSignature = None
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _open_sizes(graph: Any) -> bool:
    """Whether more than the number of images is left open."""
    signatures = (tensor.shapeSignature for tensor in graph.tensors)
    return any(
        side < 0 for signature in signatures if signature is not None for side in signature[1:]
    )


def _reason(graph: Any, op: Any, kind: str) -> str:
    """Why an operation by itself stays on the processor; empty where it need not."""
    if kind not in SUPPORTED:
        return "is not in the Edge TPU's list"
    tensors = [graph.tensors[int(at)] for at in (*op.inputs, *op.outputs) if int(at) >= 0]
    wide = {tensor.type for tensor in tensors} - {_UINT8, _INT8, _INT32}
    if wide:
        kinds = sorted(_TYPE_NAMES.get(type_, f"type {type_}") for type_ in wide)
        return f"computes in {', '.join(kinds)}, not in 8-bit integers"
    return _option_reason(op, kind)


def _option_reason(op: Any, kind: str) -> str:
    options = op.builtinOptions
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") and options.dilationWFactor != (
        options.dilationHFactor
    ):
        return "is dilated differently in x and y"
    if kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION") and (
        options.fusedActivationFunction
    ):
        return "has an activation fused into it"
    return ""
