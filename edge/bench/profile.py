"""How long each operation takes, as far as the libraries let it be known.

ONNX Runtime writes a profile with a time for every node. LiteRT's Python package has no profiler,
and XNNPACK runs its part of the graph as one; so the graph is cut after each operation in turn, all
cuts are timed in turns under the same settings, and an operation's time is what its cut took beyond
the one before. Small ones vanish in the noise and may come out below zero; they are not touched up.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from edge.bench.bare import BareOnnx, BareTFLite
from edge.bench.turns import BLOCK, Call, take_turns, timed_ms

# Seconds that the cuts of one network may take together.
_PATIENCE_S = 4.0
_MOST_RUNS = 300
_CUTS = "differences of the graph cut after each operation, same library and threads, in turns"
_NODES = "ONNX Runtime's own profile, kernel times"


@dataclass(frozen=True)
class OpTime:
    """One operation. `ms` may be below zero where it vanishes in the noise of a difference."""

    name: str
    kind: str
    ms: float
    provider: str = ""


@dataclass(frozen=True)
class Profile:
    """The operations of one network in the order in which they run, on one image.

    Attributes:
        how: where the times are from.
        whole_ms: of the whole graph in the same measurement.
    """

    role: str
    how: str
    whole_ms: float
    ops: tuple[OpTime, ...]


def profile_tflite(
    role: str, content: bytes, threads: int, shape: Sequence[int], runs: int = 300
) -> Profile:
    """By cuts of the graph.

    Args:
        shape: of one input (1,H,W,3).
        runs: of each cut, at most; fewer where they are slow.
    """
    kinds, calls = [], []
    for kind, cut in _cuts(content):
        kinds.append(kind)
        calls.append(_invoke(BareTFLite(cut, f"{role} cut after {kind}", threads), shape))
    took = np.median(_in_time(calls, runs), axis=(0, 1))
    alone = np.diff(took, prepend=0.0)
    ops = tuple(
        OpTime(f"{at} {kind}", kind, round(float(ms), 5))
        for at, (kind, ms) in enumerate(zip(kinds, alone, strict=True))
    )
    return Profile(role, _CUTS, round(float(took[-1]), 5), ops)


def profile_onnx(role: str, model: BareOnnx, image: np.ndarray, runs: int = 100) -> Profile:
    """From the session's profile. Its node times are whole microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "profile")
        session = model.open(enable_profiling=True, profile_file_prefix=prefix)
        feeds = {session.get_inputs()[0].name: image}
        for _ in range(runs):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    took, about = defaultdict(list), {}
    for event in events:
        if event["name"].endswith("_kernel_time"):
            took[event["name"]].append(event["dur"] / 1000)
            about[event["name"]] = event["args"]
    runs_ms = [event["dur"] / 1000 for event in events if event["name"] == "model_run"]
    ops = tuple(_node(name, about[name], times) for name, times in took.items())
    return Profile(role, _NODES, round(float(np.median(runs_ms)), 5), ops)


def _node(name: str, about: dict[str, Any], times: Sequence[float]) -> OpTime:
    plain = name.removesuffix("_kernel_time")
    return OpTime(plain, about["op_name"], round(float(np.median(times)), 5), about["provider"])


def _cuts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The graph's beginnings, each one operation longer than the last, as files of their own."""
    from ai_edge_litert import schema_py_generated as schema

    flatbuffers = import_module("flatbuffers")
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    model.signatureDefs = []
    graph = model.subgraphs[0]
    operators = graph.operators
    for count in range(1, len(operators) + 1):
        graph.operators = operators[:count]
        read = {int(tensor) for op in graph.operators for tensor in op.inputs}
        made = [int(tensor) for op in graph.operators for tensor in op.outputs]
        graph.outputs = [tensor for tensor in made if tensor not in read]
        builder = flatbuffers.Builder(len(content))
        builder.Finish(model.Pack(builder), b"TFL3")
        code = model.operatorCodes[operators[count - 1].opcodeIndex]
        yield names[max(code.builtinCode, code.deprecatedBuiltinCode)], bytes(builder.Output())


def _invoke(model: BareTFLite, shape: Sequence[int]) -> Call:
    interpreter = model.open(shape)
    return interpreter.invoke  # type: ignore[no-any-return]


def _in_time(calls: Sequence[Call], runs: int) -> np.ndarray:
    """Turns of all calls, fewer where they are slow."""
    once_s = sum(timed_ms(call) for call in calls) / 1000
    most = max(1, min(runs, _MOST_RUNS) // BLOCK)
    blocks = int(np.clip(_PATIENCE_S / max(once_s * BLOCK, 1e-6), 1, most))
    return take_turns(calls, blocks)
