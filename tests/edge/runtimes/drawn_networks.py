"""Networks of one convolution with weights that are known, written without TensorFlow.

A label's map is the mean of its channel in squares of 2 x 2 px, (mean - 128) / 16 in logits; where
there is one output, it is the mean of all channels; a `Mix` says otherwise. So every answer can be
computed by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Scores

SIZE_PX, STEP, MIDDLE = 16, 16.0, 128.0


@dataclass(frozen=True)
class Mix:
    """What each output sees.

    Attributes:
        shares: of the red, green and blue channel, for each output.
        middles: of each output, the mixed level 0 to 255 where its logit is 0.
    """

    shares: tuple[tuple[float, float, float], ...]
    middles: tuple[float, ...]


def plain_mix(n_outputs: int) -> Mix:
    """One channel for each output, or the mean of all for one."""
    if n_outputs == 1:
        return Mix(((1 / 3, 1 / 3, 1 / 3),), (MIDDLE,))
    return Mix(((1, 0, 0), (0, 1, 0), (0, 0, 1))[:n_outputs], (MIDDLE,) * n_outputs)


def expected_scores(cells: U8Array, mix: int | Mix) -> Scores:
    """What the network must say, by NumPy alone; `mix` may be the number of plain outputs."""
    mix = plain_mix(mix) if isinstance(mix, int) else mix
    side = SIZE_PX // 2
    maps = cells.reshape(-1, side, 2, side, 2, 3).astype(np.float64).mean(axis=(2, 4))
    maps = ((maps @ np.array(mix.shares).T - mix.middles) / STEP).astype(np.float32)
    logits = maps.mean(axis=(1, 2))
    return Scores(logits[:, 0], maps[..., 0]) if len(mix.middles) == 1 else Scores(logits, maps)


def draw_cells(count: int, seed: int = 0) -> U8Array:
    """(count, SIZE_PX, SIZE_PX, 3) uint8, each with a colour of its own."""
    rng = np.random.default_rng(seed)
    colour = rng.integers(40, 216, (count, 1, 1, 3))
    noise = rng.integers(-40, 40, (count, SIZE_PX, SIZE_PX, 3))
    return np.asarray(colour + noise, np.uint8)


def _kernel(mix: Mix) -> F32Array:
    """(n_outputs, 2, 2, 3): outputs, rows, columns, channels."""
    share = np.array(mix.shares)[:, None, None, :]
    kernel = np.broadcast_to(share, (len(share), 2, 2, 3)) / (4 * STEP)
    return np.ascontiguousarray(kernel, np.float32)


def _bias(mix: Mix) -> F32Array:
    return np.asarray(-np.array(mix.middles) / STEP, np.float32)


def draw_onnx(mix: int | Mix, *, quantised: bool = False) -> bytes:
    """The network as ONNX; `quantised` has int8 weights per channel and a uint8 map (QDQ)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    mix = plain_mix(mix) if isinstance(mix, int) else mix
    n_outputs = len(mix.middles)
    kernel, side = _kernel(mix).transpose(0, 3, 1, 2), SIZE_PX // 2
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["chw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["chw", "kernel", "bias"], ["map"], strides=[2, 2]),
        helper.make_node("Transpose", ["map"], ["cam"], perm=[0, 2, 3, 1]),
        helper.make_node("ReduceMean", ["cam"], ["logit"], axes=[1, 2], keepdims=0),
    ]
    values = {"kernel": kernel, "bias": _bias(mix)}
    if quantised:
        scale = np.abs(kernel).reshape(n_outputs, -1).max(axis=1) / 127
        values["kernel_scale"] = scale.astype(np.float32)
        values["kernel_zero"] = np.zeros(n_outputs, np.int8)
        values["kernel_int8"] = np.round(kernel / scale[:, None, None, None]).astype(np.int8)
        values["map_scale"], values["map_zero"] = np.float32(16 / 255), np.uint8(128)
        del values["kernel"]
        wide = ["kernel_int8", "kernel_scale", "kernel_zero"]
        nodes.insert(0, helper.make_node("DequantizeLinear", wide, ["kernel"], axis=0))
        narrow = ["map_scale", "map_zero"]
        nodes[4].input[0] = "map_back"
        nodes.insert(4, helper.make_node("QuantizeLinear", ["map", *narrow], ["map_uint8"]))
        nodes.insert(5, helper.make_node("DequantizeLinear", ["map_uint8", *narrow], ["map_back"]))
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE_PX, SIZE_PX, 3])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", n_outputs]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", side, side, n_outputs]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def draw_tflite(mix: int | Mix, *, one_at_a_time: bool = False) -> bytes:
    """The network as TFLite: Cast, Conv2D, Mean; `one_at_a_time` builds in a batch of 1."""
    from ai_edge_litert import schema_py_generated as schema

    mix = plain_mix(mix) if isinstance(mix, int) else mix
    n_outputs = len(mix.middles)
    side, kinds, builtin = SIZE_PX // 2, schema.TensorType, schema.BuiltinOperator
    axes = np.array([1, 2], np.int32)
    tensors: list[tuple[str, tuple[int, ...], int, np.ndarray | None]] = [
        ("image", (1, SIZE_PX, SIZE_PX, 3), kinds.UINT8, None),
        ("float", (1, SIZE_PX, SIZE_PX, 3), kinds.FLOAT32, None),
        ("kernel", (n_outputs, 2, 2, 3), kinds.FLOAT32, _kernel(mix)),
        ("bias", (n_outputs,), kinds.FLOAT32, _bias(mix)),
        ("cam", (1, side, side, n_outputs), kinds.FLOAT32, None),
        ("axes", (2,), kinds.INT32, axes),
        ("logit", (1, n_outputs), kinds.FLOAT32, None),
    ]
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = [tflite_tensor(schema, model, *tensor) for tensor in tensors]
    graph.inputs, graph.outputs = [0], [4, 6]
    cast, conv, mean = schema.CastOptionsT(), schema.Conv2DOptionsT(), schema.ReducerOptionsT()
    cast.inDataType, cast.outDataType = kinds.UINT8, kinds.FLOAT32
    conv.padding, conv.strideW, conv.strideH = schema.Padding.VALID, 2, 2
    kind = schema.BuiltinOptions
    steps = [
        (builtin.CAST, kind.CastOptions, cast, [0], [1]),
        (builtin.CONV_2D, kind.Conv2DOptions, conv, [1, 2, 3], [4]),
        (builtin.MEAN, kind.ReducerOptions, mean, [4, 5], [6]),
    ]
    if one_at_a_time:
        fixed = schema.ReshapeOptionsT()
        fixed.newShape = [1, n_outputs]
        graph.tensors.append(
            tflite_tensor(schema, model, "fixed", (1, n_outputs), kinds.FLOAT32, None)
        )
        steps.append((builtin.RESHAPE, kind.ReshapeOptions, fixed, [6], [7]))
        graph.outputs = [4, 7]
    return pack_tflite(schema, model, graph, steps)


def pack_tflite(schema: Any, model: Any, graph: Any, steps: Sequence[tuple[Any, ...]]) -> bytes:
    """The file of a graph; each step is its operator, kind of options, options, inputs, outputs."""
    import flatbuffers

    graph.operators, model.operatorCodes = [], []
    for index, (code, option, options, inputs, outputs) in enumerate(steps):
        known, step = schema.OperatorCodeT(), schema.OperatorT()
        known.builtinCode = known.deprecatedBuiltinCode = code
        step.opcodeIndex, step.inputs, step.outputs = index, inputs, outputs
        step.builtinOptionsType, step.builtinOptions = option, options
        model.operatorCodes.append(known)
        graph.operators.append(step)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def tflite_tensor(
    schema: Any, model: Any, name: str, shape: tuple[int, ...], kind: int, data: np.ndarray | None
) -> Any:
    """A tensor of a graph, with a batch of any size or with data of its own."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
    if data is None:
        tensor.shapeSignature = [-1, *shape[1:]]
    else:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    return tensor
