"""What a model's graph is made of, what the library's accelerator took of it, and what it costs.

It says what ran where: TFLite hands parts of the graph to a delegate, each a partition, and keeps
the rest; ONNX Runtime gives each node a provider.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from edge.bench.bare import BareTFLite
from edge.bench.profile import OpTime
from edge.runtimes.base import Operations

# The first bytes of a TFLite file are an offset; then comes this.
_TFLITE = b"TFL3"
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_MULTIPLYING = (*_CONVOLUTIONS, "FULLY_CONNECTED")
_DELEGATE = "DELEGATE"
_ONNX_CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Proof:
    """What ran, as the library itself tells of the same file opened with the same settings.

    Attributes:
        library: with its version.
        ops: of the graph as it is stored.
        partitions: parts that a delegate took; of ONNX Runtime, providers beside the CPU's own.
        delegated_ops: operations inside them.
        left_ops: kinds of those that stay with the library's own kernels, and how many.
        on_device: operations that an accelerator took, as counted when the network that serves was
            opened; None on the processor.
        how: where this was read.
    """

    role: str
    library: str
    ops: int
    partitions: int
    delegated_ops: int
    left_ops: tuple[str, ...]
    on_device: int | None
    how: str


def macs_of(content: bytes) -> int | None:
    """Multiply-accumulates of one image through convolutions and dense layers, of a TFLite file.

    None of another file, or where a side of the input may be any.
    """
    if content[4:8] != _TFLITE:
        return None
    graph = _plain_graph(content)
    image = graph.get_input_details()[0]
    if any(side < 0 for side in image["shape_signature"][1:]):
        return None
    shapes = {one["index"]: one["shape"] for one in graph.get_tensor_details()}
    return sum(_macs(op, shapes) for op in graph._get_ops_details())


def multiplies_floats(content: bytes) -> bool:
    """Whether any convolution or dense layer of a TFLite file has kernels in float."""
    graph = _plain_graph(content)
    kinds = {one["index"]: one["dtype"] for one in graph.get_tensor_details()}
    ops = [op for op in graph._get_ops_details() if op["op_name"] in _MULTIPLYING]
    return any(np.dtype(kinds[op["inputs"][1]]).kind == "f" for op in ops)


def prove_tflite(role: str, content: bytes, threads: int, shape: Sequence[int]) -> Proof:
    """Reads the graph as the interpreter runs it."""
    model = BareTFLite(content, role, threads)
    ops = model.open(shape)._get_ops_details()
    parts = [op for op in ops if op["op_name"] == _DELEGATE]
    stored = [op for op in ops if op["op_name"] != _DELEGATE]
    taken = {index for part in parts for index in _inside(part, stored)}
    left = _counted([op["op_name"] for op in stored if op["index"] not in taken])
    library = f"ai-edge-litert {version('ai-edge-litert')}"
    how = "the interpreter's nodes after allocation; an operation between a part's edges is inside"
    return Proof(role, library, len(stored), len(parts), len(taken), left, None, how)


def prove_device(role: str, library: str, accelerator: str, found: Operations) -> Proof:
    """From the count that the runtime took when it opened the network on an accelerator."""
    how = "counted when the network that serves was opened; what is left runs on the processor"
    return Proof(
        role, f"{library}/{accelerator}", found.total, 1, found.on_device, (), found.on_device, how
    )


def prove_onnx(role: str, nodes: Sequence[OpTime]) -> Proof:
    """From the provider of each node that the session's profile names."""
    left = [node.kind for node in nodes if node.provider == _ONNX_CPU]
    how = "provider of each node in the session's profile, after its own fusion of operations"
    parts = len({node.provider for node in nodes} - {_ONNX_CPU})
    library = f"onnxruntime {version('onnxruntime')}"
    return Proof(
        role, library, len(nodes), parts, len(nodes) - len(left), _counted(left), None, how
    )


def _counted(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name if times == 1 else f"{name} x{times}" for name, times in Counter(names).items()
    )


def _plain_graph(content: bytes) -> Any:
    from ai_edge_litert.interpreter import OpResolverType

    kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return BareTFLite(content, "model", 1).open(experimental_op_resolver_type=kind)


def _macs(op: dict[str, Any], shapes: dict[int, Any]) -> int:
    if op["op_name"] not in _MULTIPLYING:
        return 0
    kernel, made = shapes[op["inputs"][1]], shapes[op["outputs"][0]]
    places = math.prod(int(side) for side in made[1:-1]) if op["op_name"] in _CONVOLUTIONS else 1
    return math.prod(int(side) for side in kernel) * places


def _inside(part: dict[str, Any], stored: Sequence[dict[str, Any]]) -> set[int]:
    """Indexes of the operations between a part's outputs and its inputs."""
    makers = {int(made): op for op in stored for made in op["outputs"]}
    edge, found = {int(index) for index in part["inputs"]}, set()
    waiting = [int(index) for index in part["outputs"]]
    while waiting:
        tensor = waiting.pop()
        op = makers.get(tensor)
        if op is None or tensor in edge or op["index"] in found:
            continue
        found.add(int(op["index"]))
        waiting += [int(index) for index in op["inputs"] if index >= 0]
    return found
