"""A bundle's networks beside other models in one run, through the runtime that serves.

Figures are medians after a warm-up with what a bootstrap over the blocks leaves open; what counts
is the ratio to the first model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.bench.bare import BareModel, open_bare
from edge.bench.graph import macs_of
from edge.bench.networks import Network, networks_of
from edge.bench.spread import (
    Interval,
    Spread,
    drift_of,
    median_intervals,
    ratio_intervals,
    spread_of,
    unsteadiness_of,
)
from edge.bench.turns import BLOCK, Call, take_turns
from edge.contract.types import F64Array, U8Array
from edge.enhancement.enhancer import Enhancer
from edge.screening.classifier import Classifier

BATCHES = (1, 8, 32)
# Enough for a median; of a batch of 32 a call is 32 times as long.
_BATCH_BLOCKS = 4


@dataclass(frozen=True)
class Throughput:
    """Of one batch size: images a second, and milliseconds an image."""

    batch: int
    per_s: float
    ms: Interval


@dataclass(frozen=True)
class ModelTime:
    """One model's time a cell, or a tile, or a finder's field.

    Attributes:
        role: "classifier", "novelty", "finder" or "baseline"; "bicubic" or "enhancer".
        ratio: its median over that of the bundle's classifier, or of the bicubic resize.
        macs: multiply-accumulates of one image; None where they cannot be counted in the file.
        spread: of single calls, milliseconds a call of `batch`.
        init_ms, first_ms: of a baseline, its library imported; a bundle's networks are opened in a
            process of their own, see `cold`. None there.
        throughput: at each of BATCHES.
    """

    name: str
    role: str
    bytes: int
    median_ms: float
    p95_ms: float
    ratio: float
    sha256: str
    macs: int | None
    median_interval: Interval
    ratio_interval: Interval
    spread: Spread
    init_ms: float | None = None
    first_ms: float | None = None
    throughput: tuple[Throughput, ...] = ()


@dataclass(frozen=True)
class Timings:
    """All models of one run.

    Attributes:
        drift: share by which the first model was slower in the last quarter than in the first.
        unsteadiness: share that the middle four fifths of its block medians span.
    """

    models: tuple[ModelTime, ...]
    drift: float
    unsteadiness: float


@dataclass(frozen=True, eq=False)
class _Timed:
    """What is called again and again. `source` is None of OpenCV's resize."""

    name: str
    role: str
    source: Network | BareModel | None
    call: Call
    taken: int = 1

    @property
    def content(self) -> bytes:
        return self.source.content if self.source else b""


def time_models(
    classifier: Classifier, baselines: Sequence[Path], runs: int, batch: int = 1
) -> Timings:
    """Times the bundle's networks through their runtime, baselines through a bare interpreter.

    The classifier comes first, then the others that the bundle has; a finder, which is asked about
    whole fields, is timed apart from the rest.

    Args:
        batch: cells a call; a baseline that takes only one at a time is called for each.

    Raises:
        DataError: a baseline cannot be opened.
    """
    sources: list[Network | BareModel] = [
        one for one in networks_of(classifier) if one.role != "finder"
    ]
    sources += [open_bare(path, classifier.runtime.threads) for path in baselines]
    timings = _measure([_timed(source, batch) for source in sources], runs, batch)
    throughput = _throughput(sources)
    models = zip(timings.models, throughput, strict=True)
    return replace(
        timings, models=tuple(replace(model, throughput=rates) for model, rates in models)
    )


def time_enhancer(enhancer: Enhancer, runs: int) -> Timings:
    """Times the network on one tile beside OpenCV's bicubic resize of the same tile, which comes
    first, on one thread.
    """
    (network,) = networks_of(enhancer)
    bicubic = _Timed("OpenCV bicubic", "bicubic", None, lambda: _bicubic(network.images[0]))
    with _one_opencv_thread():
        return _measure([bicubic, _timed(network, 1)], runs, 1)


def _timed(source: Network | BareModel, batch: int) -> _Timed:
    call, taken = source.caller(batch)
    role = source.role if isinstance(source, Network) else "baseline"
    return _Timed(source.name, role, source, _repeated(call, batch // taken), batch)


def _repeated(call: Call, times: int) -> Call:
    if times == 1:
        return call

    def calls() -> None:
        for _ in range(times):
            call()

    return calls


def _measure(timed: Sequence[_Timed], runs: int, batch: int) -> Timings:
    took = take_turns([one.call for one in timed], -(-runs // BLOCK))
    medians, ratios = median_intervals(took, batch), ratio_intervals(took)
    rows = zip(timed, np.moveaxis(took, 2, 0), medians, ratios, strict=True)
    models = tuple(_row(one, column, batch, *pair) for one, column, *pair in rows)
    first = took[:, :, 0]
    return Timings(models, round(drift_of(first), 4), round(unsteadiness_of(first), 4))


def _row(one: _Timed, took: F64Array, batch: int, median: Interval, ratio: Interval) -> ModelTime:
    source = one.source
    opened = source if isinstance(source, BareModel) else None
    return ModelTime(
        one.name,
        one.role,
        len(one.content),
        round(median.value, 4),
        round(float(np.percentile(took, 95)) / batch, 4),
        round(ratio.value, 2),
        _sha256(source),
        _macs(source),
        median,
        ratio,
        spread_of(took.ravel()),
        round(opened.init_ms, 3) if opened else None,
        round(opened.first_ms, 3) if opened else None,
    )


def _macs(source: Network | BareModel | None) -> int | None:
    # A file that was compiled for a device has one operation, which only that device knows.
    kind = source.runtime.weights.format if isinstance(source, Network) else "tflite"
    return macs_of(source.content) if source and kind == "tflite" else None


def _sha256(source: Network | BareModel | None) -> str:
    if isinstance(source, Network):
        return source.runtime.weights.sha256
    return source.sha256 if source else ""


def _throughput(sources: Sequence[Network | BareModel]) -> list[tuple[Throughput, ...]]:
    """Of each source, at each of BATCHES; all sources take turns."""
    by_batch = []
    for batch in BATCHES:
        calls = [_timed(source, batch).call for source in sources]
        took = take_turns(calls, _BATCH_BLOCKS, max(5, BLOCK // batch))
        by_batch.append(
            [
                Throughput(batch, round(1000 / one.value, 1), one)
                for one in median_intervals(took, batch)
            ]
        )
    return list(zip(*by_batch, strict=True))


def _bicubic(image: U8Array) -> Any:
    return cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
