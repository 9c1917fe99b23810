"""One field from light to calls: quality, cells, preprocessing, network, calls. No I/O, no state.

The steps are timed apart, because on a device the network is seldom the slow one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from edge.analysis.cells import find_cells
from edge.analysis.quality import assess_quality
from edge.contract.bundle import Bundle
from edge.contract.labels import PARASITISED, UNINFECTED, is_infected
from edge.contract.manifest import Manifest, ScoreCalibration
from edge.contract.preprocess import prepare_batch
from edge.contract.types import (
    CellBox,
    CellCall,
    F32Array,
    FieldQuality,
    FieldResult,
    Frame,
    RanOn,
)
from edge.runtimes.base import Runtime, Scores
from edge.selftest import self_test

MIN_BOX_PX = 5


def scores_from_logits(logits: F32Array, calibration: ScoreCalibration) -> F32Array:
    """P(positive label), (N,) float32 in 0 to 1."""
    z = (logits.astype(np.float64) + calibration.offset) / calibration.temperature
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -60, 60))), np.float32)


def call_cells(
    boxes: Sequence[CellBox], scores: Scores, manifest: Manifest
) -> tuple[CellCall, ...]:
    """Scores to calls, pure.

    Args:
        boxes: all objects of the field.
        scores: of the red cells among them, in the same order.
    """
    values = iter(
        zip(scores_from_logits(scores.logits, manifest.score_calibration), scores.cams, strict=True)
    )
    calls = []
    for box in boxes:
        if box.kind != "rbc":
            calls.append(CellCall(box, box.kind))
            continue
        score, cam = next(values)
        infected = bool(score >= manifest.field_operating_point.threshold)
        label = PARASITISED if infected else UNINFECTED
        calls.append(
            CellCall(
                box,
                label,
                float(score),
                counted=not box.at_border,
                cam=cam if is_infected(label) else None,
            )
        )
    return tuple(calls)


@dataclass(frozen=True, eq=False)
class Screener:
    """A bundle on a runtime, proven by its golden tensors."""

    bundle: Bundle
    runtime: Runtime
    fallback: bool = False
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self_test(self.bundle, self.runtime)

    @property
    def ran_on(self) -> RanOn:
        """What really runs, for the record."""
        return RanOn(
            self.bundle.manifest.bundle_id,
            self.bundle.sha256,
            self.runtime.name,
            self.runtime.accelerator,
            self.fallback,
            self.runtime.threads,
        )

    def screen(self, frame: Frame) -> FieldResult:
        """Reads one field; a field that is not usable has no cells."""
        timings: dict[str, float] = {}
        with self._timed(timings, "quality"):
            quality = assess_quality(frame)
        if not quality.usable:
            return FieldResult(frame.name, quality, (), timings)
        with self._timed(timings, "cells"):
            boxes = [box for box in find_cells(frame) if _is_readable(box)]
        red = [box for box in boxes if box.kind == "rbc"]
        with self._timed(timings, "preprocess"):
            crops = [_cut(frame, box) for box in red]
            batch = prepare_batch(
                crops, self.bundle.manifest.preprocessing, [box.mask for box in red]
            )
        with self._timed(timings, "infer"):
            scores = self.runtime.run(batch)
        with self._timed(timings, "call"):
            calls = call_cells(boxes, scores, self.bundle.manifest)
        return FieldResult(frame.name, quality, calls, timings)

    @contextmanager
    def _timed(self, timings: dict[str, float], stage: str) -> Iterator[None]:
        started = self.clock()
        yield
        timings[stage] = round((self.clock() - started) * 1000, 3)


def _cut(frame: Frame, box: CellBox) -> np.ndarray:
    bottom, right = box.top_px + box.height_px, box.left_px + box.width_px
    return frame.image[box.top_px : bottom, box.left_px : right]


def _is_readable(box: CellBox) -> bool:
    """A sliver at the frame's edge holds nothing that could be called."""
    return min(box.width_px, box.height_px) >= MIN_BOX_PX


def refused_field(name: str, reason: str) -> FieldResult:
    """The result of a field that could not even be decoded."""
    return FieldResult(name, FieldQuality(False, reason, 0.0, 0.0, 0.0, 0.0))
