"""Golden tensors of a bundle: drawn inputs, what LiteRT gives for them, how far others may be.

What a runtime may differ by is measured: the same inputs go through every kernel that is here. A
wrong model, a swapped channel or another resize is off by far more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from compress.drawn_xray import draw_xray
from edge.cameras.smear import draw_cell
from edge.contract.errors import DataError
from edge.contract.labels import STAGES, UNINFECTED, XRAY_TASKS
from edge.contract.manifest import Weights
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime

# A batch of the device's runtimes; fewer where large inputs would fill the bundle.
MOST_IMAGES, LEAST_IMAGES = 16, 4
# Correct kernels round differently, and other processors have others than those that are here.
DIFFERENCE_FACTOR = 2
STEPS = 4
LEAST_TOLERANCE = 0.01
NO_DELEGATE = {"BUILTIN_WITHOUT_DEFAULT_DELEGATES": "LiteRT without XNNPACK"}
RESOLVERS = {**NO_DELEGATE, "BUILTIN_REF": "LiteRT's reference kernels"}
# Scores that depend by so much (in logits) on who computes them are no proof of anything.
MAX_DIFFERENCE = 0.5


@dataclass(frozen=True, eq=False)
class GoldenSet:
    """What a bundle stores.

    Attributes:
        images: (N,S,S,3) uint8 RGB.
        outputs: `logit` (N,) or (N,K) and `cam` (N,h,w) or (N,h,w,K), float32; of an enhancer
            `image` (N,2S,2S,3), uint8.
        tolerances: of each output, in logits; of an enhancer in grey levels.
    """

    images: U8Array
    outputs: Mapping[str, F32Array | U8Array]
    tolerances: dict[str, float]


def scores_of(runtime: Runtime, images: U8Array) -> dict[str, F32Array]:
    """What a classifier gives, by the names of its outputs."""
    scores = runtime.run(images)
    return {"logit": scores.logits, "cam": scores.cams}


def make_golden(
    images: U8Array,
    files: Sequence[tuple[Weights, bytes]],
    run: Callable[[Runtime, U8Array], dict[str, F32Array]] = scores_of,
) -> GoldenSet:
    """Runs drawn inputs on every kernel there is.

    Args:
        images: (N,S,S,3) uint8 RGB, as `draw_images` gives them.
        run: the outputs of a network; no runtime may be far away in the first.
        files: entries of the manifest with the files' content, one a format.

    Raises:
        DataError: no TFLite file, or a kernel is more than MAX_DIFFERENCE logits away.
        RuntimeUnavailableError: LiteRT or ONNX Runtime refuses its file.
    """
    reference = next((file for file in files if file[0].format == "tflite"), None)
    if reference is None:
        raise DataError("there are no tflite weights; golden tensors come from LiteRT: make them")
    golden = run(LiteRTRuntime(reference[1], reference[0]), images)
    first = next(iter(golden))
    differences = dict.fromkeys(golden, 0.0)
    for kernel, runtime in other_kernels(files):
        found = run(runtime, images)
        apart = {name: _largest(found[name], golden[name]) for name in golden}
        if apart[first] > MAX_DIFFERENCE:
            raise DataError(
                f"{kernel} gives a golden {first} {apart[first]:.3f} away from LiteRT's on "
                f"{reference[0].file}; at most {MAX_DIFFERENCE}: a device could not tell its own "
                "rounding from a wrong model; use a larger representative set or another variant"
            )
        differences = {name: max(differences[name], apart[name]) for name in golden}
    steps = _quantisation_steps(*reference, tuple(golden))
    tolerances = {name: _tolerance(differences[name], steps[name]) for name in golden}
    return GoldenSet(images, golden, tolerances)


def draw_images(task: str, spec: Preprocessing, count: int) -> U8Array:
    """Drawn inputs of a task, prepared, (count,S,S,3) uint8 RGB: X-rays, or single cells.

    Half of the cells are infected; for stages all are.
    """
    if task in XRAY_TASKS:
        return prepare_batch([draw_xray(seed) for seed in range(count)], spec)
    if task == "malaria-stages":
        kinds = [STAGES[seed % len(STAGES)] for seed in range(count)]
    else:
        kinds = [UNINFECTED if seed % 2 else STAGES[seed // 2 % 4] for seed in range(count)]
    drawn = [draw_cell(kind, seed) for seed, kind in enumerate(kinds)]
    return prepare_batch([image for image, _ in drawn], spec, [mask for _, mask in drawn])


def count_in(room_bytes: int, spec: Preprocessing, networks: Sequence[Weights]) -> int:
    """How many images fit with their outputs; even, so that both halves are as large.

    Args:
        room_bytes: what tensors may take, if `LEAST_IMAGES` fit in.
        networks: one file of each.
    """
    floats = sum(
        math.prod(weights.output(name).shape[1:])
        for weights in networks
        for name in ("logit", "cam")
    )
    fit = room_bytes // (spec.size_px**2 * 3 + 4 * floats)
    return min(MOST_IMAGES, max(LEAST_IMAGES, fit // 2 * 2))


class _Kernels(LiteRTRuntime):
    """LiteRT without XNNPACK: `resolver` is a name in its OpResolverType."""

    def __init__(self, model: bytes, weights: Weights, resolver: str) -> None:
        self._resolver = resolver
        super().__init__(model, weights)

    def _import(self) -> Any:
        library = super()._import()
        kind = library.OpResolverType[self._resolver]
        made = partial(library.Interpreter, experimental_op_resolver_type=kind)
        return SimpleNamespace(Interpreter=made)


def other_kernels(
    files: Sequence[tuple[Weights, bytes]], resolvers: Mapping[str, str] = RESOLVERS
) -> list[tuple[str, Runtime]]:
    """Every way but LiteRT's usual one that files are computed on this machine, by name.

    Args:
        resolvers: name for a person by name in LiteRT's OpResolverType.
    """
    found: list[tuple[str, Runtime]] = []
    for weights, content in files:
        if weights.format == "onnx":
            found.append((f"ONNX Runtime on {weights.file}", OnnxRuntime(content, weights)))
            continue
        for resolver, name in resolvers.items():
            found.append((name, _Kernels(content, weights, resolver)))
    return found


def _largest(found: F32Array, expected: F32Array) -> float:
    return float(np.nan_to_num(np.abs(found - expected).max(initial=0.0), nan=np.inf))


def _quantisation_steps(weights: Weights, content: bytes, names: Sequence[str]) -> dict[str, float]:
    """One step of each output, also where the file dequantises it; 0 where it was never INT8."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A delegate would hide the operations that it takes over.
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    scales = {one["index"]: one["quantization"][0] for one in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "DEQUANTIZE":
            scales[operation["outputs"][0]] = scales[operation["inputs"][0]]
    outputs = interpreter.get_output_details()
    return {name: float(scales[outputs[weights.output(name).index]["index"]]) for name in names}


def _tolerance(difference: float, step: float) -> float:
    """Rounded up to two digits."""
    least = max(DIFFERENCE_FACTOR * difference, STEPS * step, LEAST_TOLERANCE)
    digits = 1 - math.floor(math.log10(least))
    # The inner rounding takes away what binary fractions add: .25 is 25 hundredths, not 26.
    return round(math.ceil(round(least * 10**digits, 6)) / 10**digits, max(digits, 0))
