"""The screening service: one worker thread that owns the camera, screens, and stores.

Views read `state()`; they never touch camera, network or counts. What `state()` shows is on disk.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from edge.analysis.repeats import SeenFields
from edge.cameras.base import Camera, open_camera
from edge.contract.errors import (
    BusyError,
    ClinicScopeError,
    DataError,
    EndOfSourceError,
    FrameError,
)
from edge.contract.images import encode_image
from edge.contract.types import FieldResult, Frame, SlideReport
from edge.protocol import Protocol, summarise
from edge.screening.calls import field_point
from edge.screening.repeated import not_twice
from edge.screening.screener import Screener, refused_field
from edge.screening.state import Progress, ServiceState, SpecimenRequest
from edge.screening.uncertain import NONE_FLAGGED, Flagged
from edge.store.records import DONE, FAILED, STOPPED
from edge.store.store import Store
from edge.tally import Tally

log = logging.getLogger(__name__)

IMAGE_SUFFIX = ".jpg"
# A registered camera for each source that a request may name.
SOURCES = {"simulated": "simulated", "upload": "replay"}


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


def _inconclusive(report: SlideReport, why: str) -> SlideReport:
    return replace(report, verdict="inconclusive", why=f"Screening did not finish: {why}")


class ScreeningService:
    """Screens one specimen at a time.

    Args:
        store: where every field goes before anyone sees it.
        load: opens bundle and runtime and proves them; called once, here.
        protocol: decides when there is enough.
    """

    def __init__(
        self, store: Store, load: Callable[[], Screener], protocol: Protocol | None = None
    ) -> None:
        self.store = store
        self._protocol = protocol or Protocol()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None
        self._progress: Progress | None = None
        self._screener: Screener | None = None
        self._problem = ""
        store.recover()
        try:
            self._screener = load()
        except ClinicScopeError as error:
            log.error("the device must not screen: %s", error)
            self._problem = str(error)

    def state(self) -> ServiceState:
        """A snapshot; safe from any thread."""
        with self._lock:
            screener = self._screener
            if screener is None:
                return ServiceState(False, self._problem, None, self._progress)
            manifest = screener.bundle.manifest
            return ServiceState(True, self._problem, screener.ran_on, self._progress, manifest)

    def start(self, request: SpecimenRequest) -> str:
        """Starts a specimen and returns its id at once.

        Raises:
            BusyError: another one is at work, or the device is not ready.
            DataError, CameraError: the source cannot be opened.
        """
        with self._lock:
            screener = self._ready_screener()
            camera = self._open(request)
            try:
                specimen_id = self.store.start_specimen(
                    request.label, request.source, request.settings
                )
            except ClinicScopeError:
                camera.close()
                raise
            report = summarise(
                Tally(),
                self._protocol,
                field_point(screener.bundle.manifest),
                screener.ran_on,
            )
            self._progress = Progress(specimen_id, request.label, True, report)
            self._stop.clear()
            self._worker = threading.Thread(
                target=self._work, args=(specimen_id, camera, screener), name="screening"
            )
            self._worker.start()
        return specimen_id

    def stop(self) -> None:
        """Asks the specimen at work to end after its current field."""
        self._stop.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the specimen at work; True when none is left."""
        worker = self._worker
        if worker is not None:
            worker.join(timeout_s)
        return worker is None or not worker.is_alive()

    def close(self) -> None:
        """Ends the specimen at work, then frees network and store."""
        self.stop()
        self.wait()
        if self._screener:
            self._screener.close()
        self.store.close()

    def _ready_screener(self) -> Screener:
        if self._screener is None:
            raise BusyError(f"this device must not screen: {self._problem}")
        if self._progress and self._progress.running:
            raise BusyError(
                f"specimen {self._progress.specimen_id} is being screened; wait or stop it first"
            )
        return self._screener

    def _open(self, request: SpecimenRequest) -> Camera:
        if request.source not in SOURCES:
            raise DataError(f"source is {request.source!r}; known: {', '.join(sorted(SOURCES))}")
        try:
            return open_camera(SOURCES[request.source], **request.settings)
        except TypeError as error:
            raise DataError(f"settings of {request.source} do not fit: {error}") from error

    def _work(self, specimen_id: str, camera: Camera, screener: Screener) -> None:
        try:
            self._screen_all(specimen_id, camera, screener)
        except ClinicScopeError as error:
            log.error("specimen %s failed: %s", specimen_id, error)
            self._fail(specimen_id, str(error))
        except Exception as error:
            # The worker's last line of defence: the page must say that it failed.
            log.exception("specimen %s failed", specimen_id)
            self._fail(specimen_id, f"internal error: {type(error).__name__}: {error}")
        finally:
            with contextlib.suppress(ClinicScopeError):
                camera.close()

    def _screen_all(self, specimen_id: str, camera: Camera, screener: Screener) -> None:
        tally = Tally()
        for index, (result, frame) in enumerate(read_fields(camera, screener)):
            image = encode_image(frame.image, IMAGE_SUFFIX) if frame else None
            self.store.save_field(specimen_id, index, result, image, IMAGE_SUFFIX)
            tally = tally.add(result)
            self._publish(tally, screener, result)
            if self._stop.is_set() or self._enough(camera, tally):
                break
        self._finish(specimen_id, STOPPED if self._stop.is_set() else DONE)

    def _enough(self, camera: Camera, tally: Tally) -> bool:
        """Stored fields are all read; a camera has no end but the protocol's count."""
        endless = camera.name != "replay"
        return endless and tally.rbc_count >= self._protocol.minimum_rbc_count

    def _publish(self, tally: Tally, screener: Screener, result: FieldResult) -> None:
        report = summarise(
            tally, self._protocol, field_point(screener.bundle.manifest), screener.ran_on
        )
        with self._lock:
            before = self._current()
            refusal = before.last_refusal
            if not result.quality.usable:
                refusal = f"{result.name}: {result.quality.reason}"
            self._progress = Progress(
                before.specimen_id, before.label, True, report, refusal, before.error
            )

    def _finish(self, specimen_id: str, status: str, error: str = "") -> None:
        with self._lock:
            before = self._current()
        self.store.finish_specimen(specimen_id, before.report, status, error)
        with self._lock:
            self._progress = Progress(
                before.specimen_id, before.label, False, before.report, before.last_refusal, error
            )

    def _fail(self, specimen_id: str, why: str) -> None:
        """Records the failure; what was stored stays, and the verdict is never negative."""
        with self._lock:
            before = self._current()
            report = before.report
            if report.verdict != "positive":
                report = _inconclusive(report, why)
            self._progress = Progress(
                before.specimen_id, before.label, False, report, before.last_refusal, why
            )
        try:
            self.store.finish_specimen(specimen_id, report, FAILED, why)
        except ClinicScopeError as error:
            log.error("failure of %s could not be recorded: %s", specimen_id, error)

    def _current(self) -> Progress:
        if self._progress is None:
            raise BusyError("no specimen is at work")
        return self._progress
