"""The screening service: one worker thread that owns the camera, screens, and stores.

Views read `state()`; they never touch camera, network or counts. What `state()` shows is on disk.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from edge.cameras.base import Camera, open_camera
from edge.cameras.specimen import SpecimenCamera
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import (
    BusyError,
    ClinicScopeError,
    DataError,
)
from edge.contract.images import encode_image
from edge.contract.types import FieldResult
from edge.protocol import Protocol, default_protocol, enough, summarise
from edge.screening.calls import field_point
from edge.screening.reading import read_fields, unfinished
from edge.screening.screener import Screener
from edge.screening.state import Progress, ServiceState, SpecimenRequest
from edge.store.records import DONE, FAILED, STOPPED
from edge.store.retention import keep_room
from edge.store.retention_rule import RetentionRule
from edge.store.store import Store
from edge.tally import Tally

log = logging.getLogger(__name__)

IMAGE_SUFFIX = ".jpg"
# The device's own camera, and a registered one for each other source that a request may name.
DEVICE = "camera"
SOURCES = {"simulated": "simulated", "upload": "replay"}


class ScreeningService:
    """Screens one specimen at a time.

    Args:
        store: where every field goes before anyone sees it.
        load: opens bundle and runtime and proves them; called once, here.
        protocol: decides when there is enough.
        camera: the device's own, which the service closes; None where it has none.
        retention: makes room before each specimen; None removes no image.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[], Screener],
        protocol: Protocol | None = None,
        camera: SupervisedCamera | None = None,
        retention: RetentionRule | None = None,
    ) -> None:
        self.store = store
        self.camera = camera
        self.protocol = protocol or default_protocol()
        self._retention = retention
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
        camera = self.camera.status() if self.camera else None
        with self._lock:
            screener, progress = self._screener, self._progress
            if screener is None:
                return ServiceState(False, self._problem, None, progress, None, camera)
            manifest = screener.bundle.manifest
            return ServiceState(True, self._problem, screener.ran_on, progress, manifest, camera)

    def start(self, request: SpecimenRequest) -> str:
        """Starts a specimen and returns its id at once.

        Raises:
            BusyError: another one is at work, or the device is not ready.
            DataError, CameraError: the source cannot be opened.
        """
        with self._lock:
            screener = self._ready_screener()
            camera = self._open(request)
            source = f"camera:{camera.name}" if request.source == DEVICE else request.source
            try:
                details = replace(request.details, protocol=self.protocol.label)
                specimen_id = self.store.start_specimen(
                    request.label, source, request.settings, details
                )
            except ClinicScopeError:
                camera.close()
                raise
            report = summarise(
                Tally(),
                self.protocol,
                field_point(screener.bundle.manifest),
                screener.ran_on,
            )
            self._progress = Progress(specimen_id, request.label, True, report)
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
        if self.camera:
            self.camera.close()
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
        self._stop.clear()
        if request.source == DEVICE:
            return self._lend_camera(request)
        if request.source not in SOURCES:
            known = ", ".join(sorted([DEVICE, *SOURCES]))
            raise DataError(f"source is {request.source!r}; known: {known}")
        try:
            return open_camera(SOURCES[request.source], **request.settings)
        except TypeError as error:
            raise DataError(f"settings of {request.source} do not fit: {error}") from error

    def _lend_camera(self, request: SpecimenRequest) -> Camera:
        if self.camera is None:
            raise DataError("this device has no camera; name one in config.toml, under [camera]")
        if request.settings:
            raise DataError(f"settings of the camera are the device's; given {request.settings}")
        # A camera that is just starting is waited for; one that is not there is said at once.
        self.camera.wait_until_live()
        return SpecimenCamera(self.camera, self._stop)

    def _work(self, specimen_id: str, camera: Camera, screener: Screener) -> None:
        try:
            if self._retention:
                keep_room(self.store, self._retention)
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
            if self._stop.is_set() or self._enough(camera):
                break
        self._finish(specimen_id, STOPPED if self._stop.is_set() else DONE)

    def _enough(self, camera: Camera) -> bool:
        """Stored fields are all read; a camera has no end but the protocol's count."""
        with self._lock:
            return camera.endless and enough(self._current().report)

    def _publish(self, tally: Tally, screener: Screener, result: FieldResult) -> None:
        report = summarise(
            tally, self.protocol, field_point(screener.bundle.manifest), screener.ran_on
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
            report = unfinished(before.report, why)
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
