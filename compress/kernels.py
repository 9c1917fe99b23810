"""What a model file itself holds: kernels, the share of zeros in them, parameters and MACs.

Read from the file, not from the network that it was made of, so that what pruning or an export
really left is what is counted, and peers, of which there is only a file, are counted alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from train.models.cost import Cost

# Types of a TFLite tensor that hold weights; see TensorType in TFLite's schema.fbs.
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 9: np.int8, 7: np.int16}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights of one layer.

    Attributes:
        layer: "convolution" or "dense".
        size: values that it stands for, whether they are stored or not.
        nonzero: those that are not zero; weights are quantised symmetrically, so zero stays 0.
        parameters: size, and its biases.
        macs: multiply-accumulates of one image; 0 where the file does not say its output's size.
    """

    layer: str
    size: int
    nonzero: int
    parameters: int
    macs: int


def kernels_of(format: str, content: bytes, name: str) -> tuple[Kernel, ...]:
    """Kernels of the convolutions and dense layers of a file, in order.

    Raises:
        DataError: the file is none of its format, or stores weights in an unknown way.
    """
    try:
        return _tflite_kernels(content) if format == "tflite" else _onnx_kernels(content)
    except _unreadable() as error:
        raise DataError(f"weights of {name} cannot be read: {error}") from error


def sparsity(kernels: tuple[Kernel, ...]) -> float | None:
    """Share of zeros in the kernels of the convolutions; None where there is none."""
    sizes = [kernel for kernel in kernels if kernel.layer == "convolution"]
    if not sizes:
        return None
    return 1 - sum(kernel.nonzero for kernel in sizes) / sum(kernel.size for kernel in sizes)


def cost_of_kernels(kernels: tuple[Kernel, ...]) -> Cost:
    """As `train.models.cost.cost_of` counts, but that norms are folded into kernels and biases."""
    return Cost(
        sum(kernel.parameters for kernel in kernels), sum(kernel.macs for kernel in kernels)
    )


def _unreadable() -> tuple[type[Exception], ...]:
    import struct

    from google.protobuf.message import DecodeError

    return (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error, DecodeError)


def _tflite_kernels(content: bytes) -> tuple[Kernel, ...]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    # float16 kernels come through a DEQUANTIZE; what it reads is what is stored.
    stored = {
        int(op.outputs[0]): int(op.inputs[0])
        for op in graph.operators
        if operation_name(model, op) == "DEQUANTIZE"
    }
    found = []
    for op in graph.operators:
        kind = operation_name(model, op)
        if kind in _CONVOLUTIONS or kind == "FULLY_CONNECTED":
            index = int(op.inputs[1])
            kernel = graph.tensors[stored.get(index, index)]
            bias = len(op.inputs) > 2 and int(op.inputs[2]) >= 0
            n_bias = int(np.prod(graph.tensors[int(op.inputs[2])].shape)) if bias else 0
            places = math.prod(int(side) for side in graph.tensors[int(op.outputs[0])].shape[1:-1])
            found.append(_kernel(kind in _CONVOLUTIONS, _values(model, kernel), n_bias, places))
    return tuple(found)


def operation_name(model: Any, op: Any) -> str:
    """An operation's kind in TFLite's spelling, of the objects that the schema unpacks to."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    code = model.operatorCodes[op.opcodeIndex]
    # Old files keep the code in a byte of its own.
    return names[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _values(model: Any, tensor: Any) -> np.ndarray:
    if tensor.type not in _TYPES or tensor.sparsity is not None:
        raise ValueError(f"tensor {tensor.name.decode()} is of TFLite type {tensor.type} or sparse")
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
    return np.frombuffer(data, _TYPES[tensor.type]).reshape([int(side) for side in tensor.shape])


def _onnx_kernels(content: bytes) -> tuple[Kernel, ...]:
    import onnx
    from onnx import numpy_helper

    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    graph = model.graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_of = {
        node.output[0]: node.input[0] for node in graph.node if node.op_type in _PASSED_THROUGH
    }
    sides = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim[2:]]
        for value in [*graph.value_info, *graph.output]
    }

    def constant(name: str) -> np.ndarray | None:
        while name not in stored and name in made_of:
            name = made_of[name]
        return stored.get(name)

    found = []
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            values = constant(node.input[1])
            bias = constant(node.input[2]) if len(node.input) > 2 else None
            if values is not None:
                convolution = node.op_type == "Conv"
                places = math.prod(sides.get(node.output[0], [0])) if convolution else 1
                n_bias = 0 if bias is None else bias.size
                found.append(_kernel(convolution, values, n_bias, places))
    return tuple(found)


_PASSED_THROUGH = ("DequantizeLinear", "Cast", "Transpose", "Identity", "Reshape")


def _kernel(convolution: bool, values: np.ndarray, n_bias: int, places: int) -> Kernel:
    return Kernel(
        "convolution" if convolution else "dense",
        values.size,
        int(np.count_nonzero(values)),
        values.size + n_bias,
        values.size * places,
    )
