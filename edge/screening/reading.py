"""The fields of one camera, one after the other, for whoever screens a specimen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge.analysis.repeats import SeenFields
from edge.cameras.base import Camera
from edge.contract.errors import DataError, EndOfSourceError, FrameError
from edge.contract.types import FieldResult, Frame, SlideReport
from edge.screening.repeated import not_twice
from edge.screening.screener import Screener, refused_field
from edge.screening.uncertain import NONE_FLAGGED, Flagged


def read_fields(camera: Camera, screener: Screener) -> Iterator[tuple[FieldResult, Frame | None]]:
    """Every field of a camera until it ends: its result, and its frame where one was read.

    The camera shows one specimen: a place that it shows twice is refused the second time. What was
    seen is kept here and dies with the specimen, as a specimen that a restart cuts off is never
    gone on with.
    """
    flagged, seen = NONE_FLAGGED, SeenFields()
    while True:
        try:
            frame = camera.capture()
        except EndOfSourceError:
            return
        except FrameError as error:
            yield refused_field(error.name, str(error)), None
        else:
            result = not_twice(_screen(screener, frame, flagged), frame, seen)
            flagged = flagged.add(result.cells)
            yield result, frame


def _screen(screener: Screener, frame: Frame, flagged: Flagged) -> FieldResult:
    """One field that cannot be read must not end the specimen."""
    try:
        return screener.screen(frame, flagged)
    except DataError as error:
        return refused_field(frame.name, str(error))


def unfinished(report: SlideReport, why: str) -> SlideReport:
    """The report of a specimen that broke off: what was found stays, nothing else is concluded."""
    if report.verdict == "positive":
        return replace(report, finished=False)
    why = f"Screening did not finish: {why}"
    return replace(report, verdict="inconclusive", why=why, finished=False)
