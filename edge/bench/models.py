"""Latency here: the bundle's networks beside other models in one run, and a field by stage.

Models take turns in blocks, so that a change of clock or load meets all of them alike; figures are
medians after a warm-up, and what counts is their ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.errors import DataError
from edge.contract.images import decode_image, encode_image
from edge.contract.types import Frame, U8Array
from edge.enhancement.enhancer import Enhancer
from edge.runtimes.base import Runtime
from edge.screening.classifier import Classifier
from edge.screening.screener import Screener

# Cells of a field go through one after another, so each model warms its caches in its turn.
WARM_UP = 5
BLOCK = 25


@dataclass(frozen=True)
class ModelTime:
    """One model's time a cell on one thread, or a tile.

    Attributes:
        role: "classifier", "novelty" or "baseline"; "bicubic" or "enhancer".
        ratio: its median over that of the bundle's classifier, or of the bicubic resize.
    """

    name: str
    role: str
    bytes: int
    median_ms: float
    p95_ms: float
    ratio: float


@dataclass(frozen=True)
class FieldTime:
    """Median milliseconds of each stage of a field, decoding its JPEG included."""

    cells: float
    stages_ms: dict[str, float]
    total_ms: float


def time_models(
    classifier: Classifier, baselines: Sequence[Path], runs: int, batch: int = 1
) -> list[ModelTime]:
    """Times the bundle's networks through their runtime, baselines through a bare interpreter.

    The classifier comes first, then the novelty network where the bundle has one.

    Args:
        batch: cells a call; a baseline that takes only one at a time is called for each.

    Raises:
        DataError: a baseline cannot be opened.
    """
    manifest, runtime = classifier.bundle.manifest, classifier.runtime
    golden = classifier.bundle.array(manifest.golden.input_file).astype(np.uint8)
    cells = np.resize(golden, (batch, *golden.shape[1:]))
    models = [_Timed(manifest.bundle_id, "classifier", runtime.weights.bytes, _run(runtime, cells))]
    if classifier.novelty:
        second = classifier.novelty.runtime
        name = f"{manifest.bundle_id}, novelty"
        models.append(_Timed(name, "novelty", second.weights.bytes, _run(second, cells)))
    for path in baselines:
        size = path.stat().st_size if path.is_file() else 0
        name = f"{path.parent.name}/{path.name}"
        models.append(_Timed(name, "baseline", size, _bare_call(path, batch)))
    return _table(models, _interleave([model.call for model in models], runs) / batch)


def time_enhancer(enhancer: Enhancer, runs: int) -> list[ModelTime]:
    """Times the network on one tile beside OpenCV's bicubic resize of the same tile, which comes
    first, on one thread.
    """
    manifest, runtime = enhancer.bundle.manifest, enhancer.runtime
    tile = enhancer.bundle.array(manifest.golden.input_file).astype(np.uint8)[:1]
    models = [
        _Timed("OpenCV bicubic", "bicubic", 0, lambda: _bicubic(tile[0])),
        _Timed(
            manifest.bundle_id, "enhancer", runtime.weights.bytes, lambda: runtime.enlarge(tile)
        ),
    ]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _table(models, _interleave([model.call for model in models], runs))
    finally:
        cv2.setNumThreads(threads)


def _bicubic(image: U8Array) -> Any:
    return cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def _table(models: Sequence[_Timed], took: np.ndarray) -> list[ModelTime]:
    """Medians of milliseconds (calls, models), each beside that of the first model."""
    medians = np.median(took, axis=0)
    slowest = np.percentile(took, 95, axis=0)
    return [
        ModelTime(
            model.name,
            model.role,
            model.bytes,
            round(float(median), 4),
            round(float(p95), 4),
            round(float(median / medians[0]), 2),
        )
        for model, median, p95 in zip(models, medians, slowest, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Timed:
    """What is called again and again."""

    name: str
    role: str
    bytes: int
    call: Callable[[], Any]


def _run(runtime: Runtime, cells: U8Array) -> Callable[[], Any]:
    return lambda: runtime.run(cells)


def _bare_call(path: Path, batch: int) -> Callable[[], Any]:
    interpreter, times = _open_baseline(path, batch)
    details = interpreter.get_input_details()[0]
    rng = np.random.default_rng(0)
    cells = (rng.random(details["shape"]) * 255).astype(details["dtype"])
    outputs = interpreter.get_output_details()

    def call() -> Any:
        for _ in range(times):
            interpreter.set_tensor(details["index"], cells)
            interpreter.invoke()
            found = [interpreter.get_tensor(output["index"]) for output in outputs]
        return found

    return call


def _open_baseline(path: Path, batch: int) -> tuple[Any, int]:
    """An interpreter of that batch and 1, or of single cells and `batch`, how often to call it."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DataError(f"baseline {path} cannot be opened: {error}") from error
    details = interpreter.get_input_details()[0]
    try:
        interpreter.resize_tensor_input(details["index"], [batch, *details["shape"][1:]])
        interpreter.allocate_tensors()
        interpreter.invoke()
    except (ValueError, RuntimeError):
        # Some networks have the batch of 1 built into a reshape.
        single = Interpreter(model_path=str(path), num_threads=1)
        single.allocate_tensors()
        return single, batch
    return interpreter, 1


def _interleave(calls: Sequence[Callable[[], Any]], runs: int) -> np.ndarray:
    """Milliseconds a call, (at least runs, models): each model in blocks in turn, as in a field."""
    blocks = -(-runs // BLOCK)
    took = np.empty((blocks, len(calls), BLOCK))
    for block in range(blocks):
        for column, call in enumerate(calls):
            for _ in range(WARM_UP):
                call()
            for at in range(BLOCK):
                started = time.perf_counter()
                call()
                took[block, column, at] = (time.perf_counter() - started) * 1000
    return took.transpose(0, 2, 1).reshape(-1, len(calls))


def time_fields(screener: Screener, fields: int) -> FieldTime:
    """Screens drawn fields from JPEG bytes to calls."""
    rows = []
    for index in range(fields + 2):
        jpeg = encode_image(draw_field(SmearSettings(), 1, index).image, ".jpg")
        started = time.perf_counter()
        frame = Frame(decode_image(jpeg), f"bench-{index}")
        decode_ms = (time.perf_counter() - started) * 1000
        result = screener.screen(frame)
        rows.append({"decode": decode_ms, **result.timings_ms, "cells_found": len(result.cells)})
    medians = {name: float(np.median([row[name] for row in rows[2:]])) for name in rows[-1]}
    cells = medians.pop("cells_found")
    stages = {name: round(value, 3) for name, value in medians.items()}
    return FieldTime(cells, stages, round(sum(stages.values()), 3))
