"""One specimen at work: reads its fields, counts, stores each, and tells how far it is.

Its thread is the service's worker. What `progress` shows is on disk.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.cameras.base import Camera
from edge.cameras.control import CaptureControl
from edge.contract.errors import ClinicScopeError, ConflictError
from edge.contract.images import encode_image
from edge.contract.types import FieldResult, Frame, SlideReport
from edge.protocol import Protocol, enough, summarise
from edge.screening.calls import field_point
from edge.screening.reading import Reading, unfinished
from edge.screening.resumed import notes_of
from edge.screening.screener import Screener
from edge.screening.state import FieldNote, IntervalPoint, Progress
from edge.screening.uncertain import NONE_FLAGGED, Flagged
from edge.store.records import DONE, FAILED, STOPPED
from edge.store.store import Store
from edge.store.taken_back import take_back_field
from edge.tally import Tally

log = logging.getLogger(__name__)

IMAGE_SUFFIX = ".jpg"
# A worn card may take seconds for a file; SQLite gives up by itself before this.
STORING_S = 120.0


class SpecimenWork:
    """Screens one specimen once.

    Args:
        store: where every field goes before anyone sees it.
        specimen_id: RUNNING in the store.
        label: what is written on the slide.
        camera: gives its fields; closed at the end.
        screener: reads them.
        protocol: decides when there is enough.
        control: what a person asks.
        read: fields that were read before it broke off.
        prepare: done first, in the worker; may raise ClinicScopeError.
    """

    def __init__(
        self,
        store: Store,
        specimen_id: str,
        label: str,
        camera: Camera,
        screener: Screener,
        protocol: Protocol,
        control: CaptureControl,
        read: Sequence[FieldNote] = (),
        prepare: Callable[[Reading], None] | None = None,
    ) -> None:
        self.specimen_id = specimen_id
        self.control = control
        self._store = store
        self._camera = camera
        self._screener = screener
        self._protocol = protocol
        self._prepare = prepare
        self._fields = list(read)
        self._reading = Reading(_flagged_together(self._fields))
        # Of the counts; a field is stored and taken back under it.
        self._lock = threading.Lock()
        self._progress = self._told(Progress(specimen_id, label, True, self._report()))

    @property
    def progress(self) -> Progress:
        """A snapshot; safe from any thread."""
        return replace(self._progress, paused=self.control.paused, automatic=self.control.automatic)

    def hangs(self) -> str:
        """What its thread hangs in; empty where it does not."""
        return self._reading.pulse.overdue()

    def run(self) -> None:
        """Reads to the end; never raises."""
        try:
            if self._prepare:
                self._prepare(self._reading)
            self._screen_all()
        except ClinicScopeError as error:
            log.error("specimen %s failed: %s", self.specimen_id, error)
            self._fail(str(error))
        except Exception as error:
            # The worker's last line of defence: the page must say that it failed.
            log.exception("specimen %s failed", self.specimen_id)
            self._fail(f"internal error: {type(error).__name__}: {error}")
        finally:
            with contextlib.suppress(ClinicScopeError):
                self._camera.close()

    def take_back(self, index: int, by: str) -> None:
        """Takes a field back: it stays on record and does not count.

        Raises:
            NotFoundError: no such field.
            ConflictError: the specimen has ended, or the field does not count anyway.
            DataError: no name.
        """
        with self._lock:
            record = take_back_field(self._store, self.specimen_id, index, by)
            (note,) = notes_of([record])
            place = next(at for at, old in enumerate(self._fields) if old.index == index)
            self._reading.forget(note.name, self._fields[place].flagged)
            self._fields[place] = note
            self._publish()

    def _screen_all(self) -> None:
        while self._may_go_on():
            found = self._reading.read(self._camera, self._screener)
            if found is None:
                break
            self._keep(*found)
        self._finish(STOPPED if self.control.stopped else DONE)

    def _may_go_on(self) -> bool:
        if self.control.stopped or self._is_enough():
            return False
        # A live camera waits for the slide, and for a person, by itself.
        return self._camera.live or self.control.wait_for_turn()

    def _is_enough(self) -> bool:
        """Stored fields are all read; a camera has no end but the protocol's count."""
        return self._camera.endless and enough(self._progress.report)

    def _keep(self, result: FieldResult, frame: Frame | None) -> None:
        image = encode_image(frame.image, IMAGE_SUFFIX) if frame else None
        with self._lock:
            index = self._fields[-1].index + 1 if self._fields else 0
            with self._reading.pulse.within(STORING_S, "the storing of a field"):
                self._store.save_field(self.specimen_id, index, result, image, IMAGE_SUFFIX)
            self._fields.append(_note(index, result, has_image=image is not None))
            self._publish()

    def _publish(self) -> None:
        self._progress = self._told(replace(self._progress, report=self._report()))

    def _told(self, progress: Progress) -> Progress:
        """A progress whose report is new, with all that goes with it."""
        refused = [note for note in self._fields if not note.usable]
        return replace(
            progress,
            last_refusal=f"{refused[-1].name}: {refused[-1].reason}" if refused else "",
            fields=tuple(self._fields),
            points=_points(progress.points, progress.report),
        )

    def _report(self) -> SlideReport:
        tally = Tally()
        for note in self._fields:
            tally = tally.join(note.tally)
        point = field_point(self._screener.bundle.manifest)
        return summarise(tally, self._protocol, point, self._screener.ran_on)

    def _finish(self, status: str) -> None:
        with self._lock:
            self._store.finish_specimen(self.specimen_id, self._progress.report, status)
            self._progress = replace(self._progress, running=False)

    def _fail(self, why: str) -> None:
        """Records the failure; what was stored stays, and the verdict is never negative."""
        with self._lock:
            report = unfinished(self._progress.report, why)
            self._progress = replace(self._progress, running=False, report=report, error=why)
            try:
                self._store.finish_specimen(self.specimen_id, report, FAILED, why)
            except ClinicScopeError as error:
                log.error("failure of %s could not be recorded: %s", self.specimen_id, error)


def check_running(work: SpecimenWork | None, specimen_id: str) -> SpecimenWork:
    """The work, where it is this specimen's and not at its end. Raises ConflictError."""
    if work is None or work.specimen_id != specimen_id or not work.progress.running:
        raise ConflictError(f"specimen {specimen_id} is not being screened now")
    return work


def _note(index: int, result: FieldResult, *, has_image: bool) -> FieldNote:
    reason = "" if result.quality.usable else result.quality.reason
    flagged = NONE_FLAGGED.add(result.cells)
    return FieldNote(index, result.name, reason, has_image, Tally().add(result), flagged)


def _flagged_together(fields: Sequence[FieldNote]) -> Flagged:
    return Flagged(
        sum(note.flagged.cells for note in fields), sum(note.flagged.uncertain for note in fields)
    )


def _points(before: tuple[IntervalPoint, ...], report: SlideReport) -> tuple[IntervalPoint, ...]:
    """With the report's; those of fields that were taken back since are dropped."""
    if report.ci_low is None or report.ci_high is None:
        return ()
    kept = tuple(point for point in before if point.rbc_count < report.rbc_count)
    return (*kept, IntervalPoint(report.rbc_count, report.ci_low, report.ci_high))
