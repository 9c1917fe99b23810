"""Our figure for a model beside the library's own tool's, in rounds that alternate.

LiteRT's Python package ships `benchmark_litert_model`, the twin of its C++ tool; it runs in a
process of its own, through LiteRT's CompiledModel instead of the interpreter, copies neither input
nor output, and rounds to a hundredth of a millisecond. No package ships onnxruntime_perf_test; what
it times, runs of a session whose tensors are bound beforehand, is timed in its stead. The library's
profile will not do: writing an event for each operation makes a small network twice as slow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bench.bare import BareModel, BareOnnx, open_bare
from edge.bench.turns import WARM_UP, Call, timed_ms
from edge.contract.errors import DataError

TOOL = "ai_edge_litert.tools.benchmark_litert_model"
BOUND = "ONNX Runtime, bound tensors"
# Half of the tool's last digit.
_ROUNDING_MS = {TOOL: 0.005, BOUND: 0.0}


@dataclass(frozen=True)
class Check:
    """One model by both; each value is the median of a round.

    Attributes:
        ratio: median of ours over median of the reference.
        agrees: whether the ranges of the rounds meet, the reference's last digit allowed for.
    """

    name: str
    reference: str
    ours_ms: tuple[float, ...]
    reference_ms: tuple[float, ...]
    ratio: float
    agrees: bool


def check_against_reference(path: Path, runs: int, rounds: int, threads: int = 1) -> Check:
    """Times a TFLite or ONNX file by both, in turns.

    Raises:
        DataError: the file cannot be opened, or the reference cannot run it.
    """
    model = open_bare(path, threads)
    call, _ = model.caller(1)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_median_ms(call, runs))
        theirs.append(_reference_ms(model, path, runs))
    reference = BOUND if isinstance(model, BareOnnx) else TOOL
    return judge_check(model.name, reference, ours, theirs)


def judge_check(name: str, reference: str, ours: Sequence[float], theirs: Sequence[float]) -> Check:
    """The comparison of the rounds of both, milliseconds."""
    slack = _ROUNDING_MS[reference]
    meet = min(ours) <= max(theirs) + slack and min(theirs) - slack <= max(ours)
    ratio = float(np.median(ours) / np.median(theirs))
    own, other = (tuple(round(value, 5) for value in values) for values in (ours, theirs))
    return Check(name, reference, own, other, round(ratio, 3), meet)


def _median_ms(call: Call, runs: int) -> float:
    for _ in range(WARM_UP):
        call()
    return float(np.median([timed_ms(call) for _ in range(runs)]))


def _reference_ms(model: BareModel, path: Path, runs: int) -> float:
    if isinstance(model, BareOnnx):
        return _median_ms(_bound(model), runs)
    return _run_tool(path, runs, model.threads)


def _bound(model: BareOnnx) -> Call:
    session = model.open()
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, model.noise())
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def _run_tool(path: Path, runs: int, threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        words = (
            f"--model={path}", f"--num_runs={runs}", f"--warmup_runs={WARM_UP}",
            f"--num_threads={threads}", f"--result_json={told}",
        )  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", TOOL, *words], capture_output=True, text=True, check=False
        )
        if done.returncode or not told.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(f"{TOOL} does not run {path}: {last}")
        return float(json.loads(told.read_text())["latency"]["median_ms"])
