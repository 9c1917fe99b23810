"""The screening service: one specimen at a time, in a worker thread that owns the camera.

Views read `state()`; they never touch camera, network or counts. What `state()` shows is on disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from edge.cameras.control import CaptureControl
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import BusyError, ClinicScopeError, ConflictError
from edge.protocol import Protocol, default_protocol
from edge.screening.reading import Reading
from edge.screening.resumed import check_same_reader, notes_of, remember_places
from edge.screening.screener import Screener
from edge.screening.sources import open_source, request_again, source_name
from edge.screening.state import ServiceState, SpecimenRequest
from edge.screening.work import SpecimenWork, check_running
from edge.store.records import MALARIA
from edge.store.reopened import reopen_specimen
from edge.store.retention import keep_room
from edge.store.retention_rule import RetentionRule
from edge.store.store import Store

log = logging.getLogger(__name__)


class ScreeningService:
    """Screens one specimen at a time.

    Args:
        store: where every field goes before anyone sees it.
        load: opens bundle and runtime and proves them; called once, here.
        protocol: decides when there is enough.
        camera: the device's own, which the service closes; None where it has none.
        retention: makes room before each specimen; None removes no image.
        safe_mode: why nothing is opened or screened; empty where it is. There is no camera then.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[], Screener],
        protocol: Protocol | None = None,
        camera: SupervisedCamera | None = None,
        retention: RetentionRule | None = None,
        safe_mode: str = "",
    ) -> None:
        self.store = store
        self.camera = camera
        self.protocol = protocol or default_protocol()
        self._retention = retention
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._work: SpecimenWork | None = None
        self._screener: Screener | None = None
        self._problem = ""
        self.safe_mode = safe_mode
        store.recover()
        if safe_mode:
            self._problem = f"safe mode: {safe_mode}"
            return
        try:
            self._screener = load()
        except ClinicScopeError as error:
            log.error("the device must not screen: %s", error)
            self._problem = str(error)

    def state(self) -> ServiceState:
        """A snapshot; safe from any thread."""
        opened = self.camera  # It may be changed meanwhile.
        camera = opened.status() if opened else None
        with self._lock:
            screener, work = self._screener, self._work
        progress = work.progress if work else None
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
            control = CaptureControl(automatic=request.automatic)
            camera = open_source(request, self.camera, control)
            try:
                details = replace(request.details, protocol=self.protocol.label)
                specimen_id = self.store.start_specimen(
                    request.label, source_name(request, camera), request.settings, details
                )
            except ClinicScopeError:
                camera.close()
                raise
            self._begin(
                SpecimenWork(
                    self.store,
                    specimen_id,
                    request.label,
                    camera,
                    screener,
                    self.protocol,
                    control,
                    prepare=self._make_room,
                )
            )
        return specimen_id

    def resume(self, specimen_id: str, by: str) -> None:
        """Goes on with a specimen that ended before its time.

        Args:
            specimen_id: interrupted, failed or stopped early.
            by: who goes on.

        Raises:
            NotFoundError: no such specimen.
            BusyError: another one is at work, or the device is not ready.
            ConflictError: it was read to its end or is signed, or other networks read its fields.
            DataError, CameraError: its source cannot be opened again; it stays as it is.
        """
        with self._lock:
            screener = self._ready_screener()
            record, fields = self.store.specimen(specimen_id), self.store.fields(specimen_id)
            if record.task != MALARIA:
                raise ConflictError(f"specimen {specimen_id} is no slide; take its image again")
            check_same_reader(fields, screener.ran_on)
            control = CaptureControl()
            camera = open_source(request_again(record, self.camera), self.camera, control)
            try:
                camera.skip(len(fields))
                reopen_specimen(self.store, specimen_id, by)
            except ClinicScopeError:
                camera.close()
                raise

            def prepare(reading: Reading) -> None:
                remember_places(self.store, fields, reading)
                self._make_room(reading)

            self._begin(
                SpecimenWork(
                    self.store,
                    specimen_id,
                    record.label,
                    camera,
                    screener,
                    self.protocol,
                    control,
                    notes_of(fields),
                    prepare,
                )
            )

    def hangs(self) -> str:
        """What the worker hangs in; empty where it does not."""
        work = self._work
        return work.hangs() if work is not None and work.progress.running else ""

    def at_work(self, specimen_id: str) -> SpecimenWork:
        """The work on a specimen, to pause it or to take a field back.

        Raises:
            ConflictError: it is not being screened now.
        """
        return check_running(self._work, specimen_id)

    def stop(self) -> None:
        """Asks the specimen at work to end after its current field."""
        if self._work is not None:
            self._work.control.stop()

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

    def reload(self, load: Callable[[], Screener]) -> None:
        """Opens bundle and runtime anew, proves them, and screens with them from now on.

        In safe mode nothing is opened; the next start takes what is chosen then.

        Raises:
            BusyError: a specimen is being screened.
            ClinicScopeError: of `load`; what there was goes on.
        """
        if self.safe_mode:
            return
        screener = load()
        try:
            with self._lock:
                self._refuse_at_work()
                old, self._screener, self._problem = self._screener, screener, ""
        except BusyError:
            screener.close()
            raise
        if old:
            old.close()

    def use_protocol(self, protocol: Protocol) -> None:
        """Counts by this from the next specimen on."""
        with self._lock:
            self.protocol = protocol

    def use_camera(self, opened: Callable[[], SupervisedCamera | None]) -> None:
        """Closes the device's camera and takes the one that is opened now, or none.

        In safe mode none is opened.

        Raises:
            BusyError: a specimen is being screened.
        """
        with self._lock:
            self._refuse_at_work()
            old, self.camera = self.camera, None
        if self.safe_mode:
            return
        if old:  # The new one may be the same device with other settings.
            old.close()
        self.camera = opened()

    def _begin(self, work: SpecimenWork) -> None:
        self._work = work
        self._worker = threading.Thread(target=work.run, name="screening")
        self._worker.start()

    def _ready_screener(self) -> Screener:
        if self._screener is None:
            raise BusyError(f"this device must not screen: {self._problem}")
        self._refuse_at_work()
        return self._screener

    def _refuse_at_work(self) -> None:
        if self._work and self._work.progress.running:
            raise BusyError(
                f"specimen {self._work.specimen_id} is being screened; wait or stop it first"
            )

    def _make_room(self, reading: Reading) -> None:  # noqa: ARG002  (as any preparation)
        if self._retention:
            keep_room(self.store, self._retention)
