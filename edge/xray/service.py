"""Chest X-rays as specimens: each picture is called, stored, and only then shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from edge.contract.errors import (
    ClinicScopeError,
    ConflictError,
    DataError,
    ImageError,
    NotFoundError,
    StoreError,
)
from edge.contract.labels import XRAY_TASKS
from edge.contract.types import (
    CellBox,
    CellCall,
    FieldQuality,
    FieldResult,
    RanOn,
    SlideReport,
    U8Array,
)
from edge.screening.classifier import Classifier
from edge.screening.picture_worker import PictureWorker
from edge.store.interrupted import report_of_fields
from edge.store.records import CHEST_XRAY, DONE, FAILED, SpecimenDetails
from edge.store.store import Store
from edge.xray.findings import PROTOCOL, PROTOCOL_VERSION, ReadPicture, summarise_pictures
from edge.xray.radiograph import STORED_SUFFIX, decode_radiograph, encode_radiograph
from edge.xray.reading import RadiographCall, RadiographReader

log = logging.getLogger(__name__)

# Of one visit: frontal pictures, and one taken again. A detector of 4,248 x 3,480 px gives 30 MB.
MOST_PICTURES = 4
MOST_BYTES = 40 * 1024 * 1024
_BRIGHTEST = 250
_FAILED = "the pictures could not be read to their end"


@dataclass(frozen=True)
class _End:
    """What a specimen is to be closed with."""

    report: SlideReport
    status: str
    error: str


@dataclass(frozen=True)
class XrayRequest:
    """Pictures of one person's chest, and what is asked of them.

    Attributes:
        label: as the film is marked; a pseudonym, never a name.
        task: of XRAY_TASKS, whose active bundle answers.
        files: name and content, in the order given.
        details: patient, site, operator and barcode; task and protocol are set here.
    """

    label: str
    task: str
    files: Sequence[tuple[str, bytes]] = field(repr=False)
    details: SpecimenDetails = field(default_factory=SpecimenDetails)

    def __post_init__(self) -> None:
        if self.task not in XRAY_TASKS:
            raise DataError(f"task is {self.task[:40]!r}; use one of {', '.join(XRAY_TASKS)}")
        if not 1 <= len(self.files) <= MOST_PICTURES:
            raise DataError(
                f"{len(self.files)} pictures are given; send 1 to {MOST_PICTURES} of one person"
            )
        for name, content in self.files:
            if len(content) > MOST_BYTES:
                raise DataError(
                    f"{name} has {len(content):,} bytes, more than {MOST_BYTES:,}; send a smaller "
                    "picture"
                )


class XrayService:
    """Reads the pictures of a specimen in the worker of single pictures.

    Args:
        store: where each picture goes before anyone sees its call.
        worker: opens the bundles and computes.
    """

    def __init__(self, store: Store, worker: PictureWorker) -> None:
        self._store = store
        self._worker = worker
        self._lock = threading.Lock()
        self._unclosed: dict[str, _End] = {}

    def start(self, request: XrayRequest) -> tuple[str, Future[None]]:
        """Stores the specimen and queues its pictures; returns its id, and what ends with them.

        Raises:
            BundleError, HardwareError: the task's bundle must not be used; nothing is stored.
            DataError: a detail is not allowed, or names no patient of the register.
        """
        self._worker.submit(request.task, RadiographReader).result()
        self._close_waiting()
        details = replace(
            request.details, task=CHEST_XRAY, protocol=f"{PROTOCOL}@{PROTOCOL_VERSION}"
        )
        settings = {"task": request.task, "sources": [name for name, _ in request.files]}
        specimen_id = self._store.start_specimen(request.label, "upload", settings, details)
        done = self._worker.submit(
            request.task, lambda classifier: self._read(specimen_id, request, classifier)
        )
        done.add_done_callback(lambda ended: self._close_broken(specimen_id, ended))
        return specimen_id, done

    def settle(self, specimen_id: str) -> str:
        """Closes a specimen whose end could not be stored, if it can be now.

        Returns:
            why it cannot, as of a full disk; empty where nothing waits to be stored.
        """
        with self._lock:
            end = self._unclosed.get(specimen_id)
            return "" if end is None else self._try_to_close(specimen_id, end)

    def _close_waiting(self) -> None:
        with self._lock:
            for specimen_id, end in list(self._unclosed.items()):
                self._try_to_close(specimen_id, end)

    def _close(self, specimen_id: str, end: _End) -> None:
        with self._lock:
            self._try_to_close(specimen_id, end)

    def _try_to_close(self, specimen_id: str, end: _End) -> str:
        """Under the lock. What cannot be stored is kept: it must not look as if it were read."""
        try:
            self._store.finish_specimen(specimen_id, end.report, end.status, end.error)
        except (ConflictError, NotFoundError) as error:
            log.error("specimen %s was closed meanwhile: %s", specimen_id, error)
        except StoreError as error:
            log.error("the end of specimen %s is not stored yet: %s", specimen_id, error)
            self._unclosed[specimen_id] = end
            return str(error)
        self._unclosed.pop(specimen_id, None)
        return ""

    def _close_broken(self, specimen_id: str, ended: Future[None]) -> None:
        """Of a specimen that nothing read: its bundle was changed for one that must not be used."""
        if ended.cancelled():
            return  # The device is switched off; the next start closes the specimen.
        error = ended.exception()
        if error is None:
            return
        log.error("specimen %s failed: %s", specimen_id, error)
        report = SlideReport.from_json(report_of_fields([], f"{_FAILED}: {error}"))
        self._close(specimen_id, _End(report, FAILED, str(error)))

    def _read(self, specimen_id: str, request: XrayRequest, classifier: Classifier) -> None:
        pictures: list[ReadPicture] = []
        reader, problem = RadiographReader(classifier), ""
        try:
            for index, (name, content) in enumerate(request.files):
                pictures.append(self._read_one(specimen_id, index, name, content, reader))
        except ClinicScopeError as error:
            log.error("specimen %s failed: %s", specimen_id, error)
            problem = str(error)
        except Exception as error:
            # The worker's last line of defence: the page must say that it failed.
            log.exception("specimen %s failed", specimen_id)
            problem = f"internal error: {type(error).__name__}: {error}"
        report = summarise_pictures(pictures, reader.manifest, classifier.ran_on)
        if problem and report.verdict != "positive":
            report = replace(report, verdict="inconclusive", why=f"{_FAILED}: {problem}")
        report = replace(report, finished=not problem)
        self._close(specimen_id, _End(report, FAILED if problem else DONE, problem))

    def _read_one(
        self, specimen_id: str, index: int, name: str, content: bytes, reader: RadiographReader
    ) -> ReadPicture:
        """One that cannot be read must not end the specimen."""
        image: U8Array | None = None
        ran_on = reader.classifier.ran_on
        try:
            image = decode_radiograph(content)
            call = reader.read(image)
        except ImageError as error:
            found, picture = _refused(name, str(error)), ReadPicture(index, None, str(error))
        else:
            found, picture = _called(name, image, call, ran_on), ReadPicture(index, call)
        stored = None if image is None else encode_radiograph(image)
        self._store.save_field(specimen_id, index, found, stored, STORED_SUFFIX)
        return picture


def _refused(name: str, reason: str) -> FieldResult:
    return FieldResult(name, FieldQuality(False, reason, 0.0, 0.0, 0.0, 0.0))


def _called(name: str, image: U8Array, call: RadiographCall, ran_on: RanOn) -> FieldResult:
    """The picture as a field with one object, so that review, report and export know it."""
    height, width = image.shape[:2]
    box = CellBox(0, 0, width, height, np.ones((1, 1), bool), "radiograph")
    cell = CellCall(box, call.label, call.score, cam=call.cam, uncertain=bool(call.doubt))
    grey = image[:, :, 1]
    quality = FieldQuality(
        True, "", 0.0, float(np.median(grey)), float((grey > _BRIGHTEST).mean()), 0.0
    )
    return FieldResult(name, quality, (cell,), ran_on=ran_on)
