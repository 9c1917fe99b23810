"""A field by stage, from the camera to the disk, and what that makes of slides an hour."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bench.spread import Interval, median_intervals
from edge.bench.turns import timed_ms
from edge.cameras.base import open_camera
from edge.contract.images import decode_image, encode_image
from edge.contract.types import FieldResult, Frame
from edge.protocol import Protocol
from edge.screening.screener import Screener
from edge.store.files import make_folder
from edge.store.store import Store

SIMULATED = "simulated"
_WARM_UP = 2


@dataclass(frozen=True)
class FieldTime:
    """Median milliseconds of each stage of a field.

    Attributes:
        stages_ms: from JPEG bytes to calls, decoding included; `total_ms` is their sum.
        total_interval: of the whole of it, field by field.
        beside_ms: capture and persist. A simulated camera draws its fields, which takes longer
            than a camera; persisting has image and rows on the disk when it ends.
        camera: that fields came from.
    """

    cells: float
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
    rows, totals = [], []
    with open_camera(camera) as source, _store(home) as store:
        specimen = store.start_specimen("bench", camera, {})
        for index in range(fields + _WARM_UP):
            frames: list[Frame] = []
            capture_ms = timed_ms(lambda frames=frames: frames.append(source.capture()))
            jpeg = encode_image(frames[0].image, ".jpg")
            result, stages = _read(screener, jpeg, index)
            persist_ms = timed_ms(
                lambda at=index, result=result, jpeg=jpeg: store.save_field(
                    specimen, at, result, jpeg, ".jpg"
                )
            )
            totals.append(sum(stages.values()))
            beside = {"capture": capture_ms, "persist": persist_ms}
            rows.append({**stages, **beside, "cells_found": len(result.cells)})
    medians = _medians(rows[_WARM_UP:])
    cells = medians.pop("cells_found")
    beside = {name: medians.pop(name) for name in ("capture", "persist")}
    (interval,) = median_intervals(np.array(totals[_WARM_UP:])[:, None, None])
    return FieldTime(cells, medians, round(sum(medians.values()), 3), interval, beside, camera)


def slides_of(field: FieldTime, protocol: Protocol) -> Slides | None:
    """Slides an hour; None where no cell was found."""
    if not field.cells:
        return None
    count = math.ceil(protocol.minimum_rbc_count / field.cells)
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


def _read(screener: Screener, jpeg: bytes, index: int) -> tuple[FieldResult, dict[str, float]]:
    images = []
    decode_ms = timed_ms(lambda: images.append(decode_image(jpeg)))
    result = screener.screen(Frame(images[0], f"bench-{index}"))
    return result, {"decode": decode_ms, **result.timings_ms}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each stage; one that a field did not come to, as where it is refused, is left out of it."""
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
