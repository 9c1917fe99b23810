"""A field by stage, from the camera to the disk, and what that makes of slides an hour."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge.bench.spread import Interval, median_intervals
from edge.cameras.base import Camera, open_camera
from edge.contract.images import decode_image, encode_image
from edge.contract.types import Frame
from edge.protocol import Protocol
from edge.screening.screener import Screener
from edge.store.files import make_folder
from edge.store.store import Store

SIMULATED = "simulated"
_WARM_UP = 2
T = TypeVar("T")


@dataclass(frozen=True)
class FieldTime:
    """Median milliseconds of each stage of a field.

    Attributes:
        cells: objects found.
        red_cells: of them the whole red cells, which a slide's count is of.
        stages_ms: from JPEG bytes to calls, decoding included; `total_ms` is their sum.
        total_interval: of the whole of it, field by field.
        beside_ms: capture and persist. A simulated camera draws its fields, which takes longer
            than a camera; persisting has image and rows on the disk when it ends.
        camera: that fields came from.
    """

    cells: float
    red_cells: float
    stages_ms: dict[str, float]
    total_ms: float
    total_interval: Interval
    beside_ms: dict[str, float]
    camera: str


@dataclass(frozen=True)
class Slides:
    """What this machine's part of a slide takes; moving the slide and looking are not in it.

    Attributes:
        fields: for the protocol's minimum count of red cells, at as many a field as were found.
        seconds: of all of them to calls and on the disk; a real camera's capture, too.
        counts: which stages are in it.
    """

    protocol: str
    minimum_rbc_count: int
    fields: int
    seconds: float
    an_hour: float
    counts: str


def time_fields(
    screener: Screener, fields: int, home: Path | None = None, camera: str = SIMULATED
) -> FieldTime:
    """Screens fields from JPEG bytes to calls, and stores them.

    Args:
        home: folder on the disk that records go to; they are stored in a temporary one inside it.
        camera: by its registered name.

    Raises:
        CameraError: the camera is absent.
    """
    with open_camera(camera) as source, _store(home) as store:
        specimen = store.start_specimen("bench", camera, {})
        save = partial(store.save_field, specimen)
        rows = [_one_field(source, screener, save, at) for at in range(fields + _WARM_UP)]
    kept = rows[_WARM_UP:]
    beside, stages = _medians([row.beside for row in kept]), _medians([row.stages for row in kept])
    totals = np.array([sum(row.stages.values()) for row in kept])
    (interval,) = median_intervals(totals[:, None, None])
    cells, red_cells = np.median([(row.cells, row.red_cells) for row in kept], axis=0).tolist()
    total_ms = round(sum(stages.values()), 3)
    return FieldTime(cells, red_cells, stages, total_ms, interval, beside, camera)


def slides_of(field: FieldTime, protocol: Protocol) -> Slides | None:
    """Slides an hour; None where no red cell was found."""
    if not field.red_cells:
        return None
    count = math.ceil(protocol.minimum_rbc_count / field.red_cells)
    counted = ["persist"] + ([] if field.camera == SIMULATED else ["capture"])
    each_ms = field.total_ms + sum(field.beside_ms[name] for name in counted)
    seconds = count * each_ms / 1000
    counts = f"JPEG bytes to calls, {' and '.join(counted)}"
    return Slides(
        protocol.name,
        protocol.minimum_rbc_count,
        count,
        round(seconds, 2),
        round(3600 / seconds, 1),
        counts,
    )


@dataclass(frozen=True)
class _Row:
    """One field: milliseconds of each stage, and what was found."""

    stages: dict[str, float]
    beside: dict[str, float]
    cells: int
    red_cells: int


def _one_field(source: Camera, screener: Screener, save: Callable[..., None], index: int) -> _Row:
    frame, capture_ms = _timed(source.capture)
    jpeg = encode_image(frame.image, ".jpg")
    image, decode_ms = _timed(partial(decode_image, jpeg))
    result = screener.screen(Frame(image, f"bench-{index}"))
    _, persist_ms = _timed(partial(save, index, result, jpeg, ".jpg"))
    stages = {"decode": decode_ms, **result.timings_ms}
    beside = {"capture": capture_ms, "persist": persist_ms}
    return _Row(stages, beside, len(result.cells), result.rbc_count)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    found = call()
    return found, (time.perf_counter() - started) * 1000


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each stage, over the fields that came to it; a refused one does not come to all."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: round(float(np.median([row[name] for row in rows if name in row])), 3)
        for name in names
    }


@contextmanager
def _store(home: Path | None) -> Iterator[Store]:
    if home is not None:
        make_folder(home)
    with tempfile.TemporaryDirectory(dir=home, prefix="bench-") as folder:
        store = Store(Path(folder))
        try:
            yield store
        finally:
            store.close()
