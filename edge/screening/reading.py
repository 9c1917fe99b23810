"""The fields of one camera, one after the other, for whoever screens a specimen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from edge.analysis.repeats import SeenFields, signature_of
from edge.cameras.base import Camera
from edge.contract.errors import DataError, EndOfSourceError, FrameError
from edge.contract.types import FieldResult, Frame, SlideReport, U8Array
from edge.pulse import Pulse
from edge.screening.repeated import not_twice
from edge.screening.screener import Screener, refused_field
from edge.screening.uncertain import NONE_FLAGGED, Flagged

# The slowest board takes ten seconds for the largest and fullest field.
FIELD_S = 180.0


class Reading:
    """What must be known of a specimen's earlier fields to read its next one.

    One thread reads; `forget` may come from any other.

    Attributes:
        flagged: cells of the fields so far that a reviewer is asked about.
        pulse: of the thread that reads; the camera has its own.
    """

    def __init__(self, flagged: Flagged = NONE_FLAGGED) -> None:
        self.flagged = flagged
        self.pulse = Pulse()
        self._seen = SeenFields()
        self._begun = False
        self._lock = threading.Lock()

    def read(self, camera: Camera, screener: Screener) -> tuple[FieldResult, Frame | None] | None:
        """The next field's result, and its frame where one was read; None at the camera's end.

        The camera shows one specimen: a place that it shows twice is refused the second time.
        What the screener remembers of the specimen before is forgotten, so that a specimen comes
        out the same whichever were read before it.
        """
        if not self._begun:
            screener.forget()
            self._begun = True
        try:
            frame = camera.capture()
        except EndOfSourceError:
            return None
        except FrameError as error:
            return refused_field(error.name, str(error)), None
        with self.pulse.within(FIELD_S, "the analysis of a field"):
            result = _screen(screener, frame, self.flagged)
        with self._lock:
            result = not_twice(result, frame, self._seen)
            self.flagged = self.flagged.add(result.cells)
        return result, frame

    def remember(self, name: str, image: U8Array) -> None:
        """A field that was read before: (H,W,3) uint8 RGB."""
        with self._lock:
            self._seen.add(name, signature_of(image))

    def forget(self, name: str, flagged: Flagged) -> None:
        """A field that does not count any more; its place may be read again."""
        with self._lock:
            self._seen.forget(name)
            self.flagged = self.flagged.without(flagged)


def read_fields(camera: Camera, screener: Screener) -> Iterator[tuple[FieldResult, Frame | None]]:
    """Every field of a camera until it ends: its result, and its frame where one was read."""
    reading = Reading()
    while (found := reading.read(camera, screener)) is not None:
        yield found


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
