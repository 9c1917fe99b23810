"""Surgery on ONNX graphs: names that do not change from run to run, what INT8 leaves in float, and
the image fed to the first convolution as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.contract.errors import DataError

# What has weights.
_SUMS = frozenset({"Conv", "Gemm", "MatMul"})
# They move values and compute nothing.
MOVES = frozenset({"Reshape", "SpaceToDepth", "Transpose"})


def plain_resize(graph: Any) -> None:
    """Nearest neighbours of whole factors in today's words: those of TensorFlow are deprecated in
    ONNX, and other runtimes do not know them. The values are the same.
    """
    for node in graph.node:
        mode = {attribute.name: attribute for attribute in node.attribute}
        where = mode.get("coordinate_transformation_mode")
        if node.op_type == "Resize" and where is not None and where.s == b"tf_half_pixel_for_nn":
            where.s, mode["nearest_mode"].s = b"asymmetric", b"floor"


def tidy(proto: Any) -> None:
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


def kept_in_float(graph: Any) -> list[str]:
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
        if node.op_type in MOVES | {"Mul"}:
            kept.append(node.name)
            waiting += used_by.get(node.output[0], ())
    return kept


def feed_integers(graph: Any) -> None:
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
        if node.op_type not in MOVES:
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


def check_quantised(graph: Any) -> None:
    """Raises DataError, naming them, where operations before the last sums stay in float."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    known = {*QDQRegistry, *QLinearOpsRegistry, *MOVES, "QuantizeLinear", "DequantizeLinear"}
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
