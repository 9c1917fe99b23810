"""Batches of single pictures: called one after the other, never part of the clinic's records.

A batch lives in a folder until newer ones push it out; a restart forgets all of them.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path

from edge.contract.errors import BusyError, ClinicScopeError, ImageError, NotFoundError
from edge.contract.labels import XRAY_TASKS
from edge.screening.classifier import Classifier
from edge.screening.crops import CropResult, Refusal, classify
from edge.screening.picture_view import PictureView, view_picture
from edge.screening.picture_worker import PictureWorker
from edge.xray.dicom_file import is_dicom
from edge.xray.plausible import why_no_radiograph
from edge.xray.radiograph import decode_radiograph, encode_radiograph
from edge.xray.reading import doubtful_score

log = logging.getLogger(__name__)

KEPT = 6
# That wait for the worker, of everyone together.
MOST_WAITING = 4
AT_ONCE = 8
VIEWS_KEPT = 8


@dataclass(frozen=True)
class Batch:
    """A snapshot.

    Attributes:
        owner: who sent it, and alone may see it.
        results: of the first pictures, in the order given; `path` is the file's name.
        problem: why it broke off; empty otherwise.
        bundle_id: what called them; empty until it is open.
        labels: how many labels that bundle has.
    """

    batch_id: str
    owner: str
    task: str
    paths: tuple[Path, ...]
    results: tuple[CropResult, ...] = ()
    running: bool = True
    problem: str = ""
    bundle_id: str = ""
    labels: int = 0

    def is_doubtful(self, result: CropResult) -> bool:
        """An X-ray whose score alone says that a person must decide."""
        if result.score is None or result.refused or self.task not in XRAY_TASKS:
            return False
        return doubtful_score(result.score, self.labels)

    @property
    def total(self) -> int:
        """How many pictures there are."""
        return len(self.paths)


class Batches:
    """All batches of a device.

    Args:
        worker: computes.
        folder: holds the batches' files; emptied at once, since none of before is known.
    """

    def __init__(self, worker: PictureWorker, folder: Path) -> None:
        self._worker = worker
        self.folder = folder
        self._lock = threading.Lock()
        self._batches: OrderedDict[str, Batch] = OrderedDict()
        self._views: OrderedDict[tuple[str, int], PictureView] = OrderedDict()
        shutil.rmtree(folder, ignore_errors=True)

    def start(self, owner: str, task: str, paths: Sequence[Path]) -> str:
        """Queues pictures that lie in one folder of their own below `folder`.

        Raises:
            BusyError: too many batches wait.
        """
        batch = Batch(secrets.token_hex(16), owner, task, tuple(paths))
        with self._lock:
            if sum(one.running for one in self._batches.values()) >= MOST_WAITING:
                raise BusyError("other pictures are being read; wait until they are done")
            self._batches[batch.batch_id] = batch
            self._push_out()
        self._go_on(batch, 0)
        return batch.batch_id

    def get(self, batch_id: str, owner: str) -> Batch:
        """A batch of this owner. Raises NotFoundError."""
        with self._lock:
            found = self._batches.get(batch_id)
        if found is None or found.owner != owner:
            raise NotFoundError(f"no batch {batch_id[:40]!r} of single pictures")
        return found

    def view(self, batch: Batch, number: int) -> PictureView:
        """One picture of a batch with what its network says; the last few are kept.

        Raises:
            NotFoundError: no such picture, or newer batches pushed its file out.
            BundleError, HardwareError: the bundle must not be used.
        """
        key = batch.batch_id, number
        with self._lock:
            if key in self._views:
                return self._views[key]
        name, data = self._content(batch, number)
        if not data and number < len(batch.results):
            return PictureView(batch.results[number])
        view = self._worker.submit(
            batch.task, lambda classifier: view_picture(name, data, classifier)
        ).result()
        with self._lock:
            self._views[key] = view
            while len(self._views) > VIEWS_KEPT:
                self._views.popitem(last=False)
        return view

    def _content(self, batch: Batch, number: int) -> tuple[str, bytes]:
        if number >= batch.total:
            raise NotFoundError(f"batch {batch.batch_id} has no picture {number}")
        path = batch.paths[number]
        try:
            return path.name, path.read_bytes()
        except OSError as error:
            raise NotFoundError(f"picture {path.name} is no longer here") from error

    def _go_on(self, batch: Batch, start: int) -> None:
        """Queues the next few pictures, so that others get their turn between them."""
        future = self._worker.submit(
            batch.task, lambda classifier: self._read(batch, start, classifier)
        )
        future.add_done_callback(lambda done: self._went(batch, start, done))

    def _read(self, batch: Batch, start: int, classifier: Classifier) -> None:
        paths = batch.paths[start : start + AT_ONCE]
        found = [
            replace(result, path=Path(result.path).name)
            for result in classify(paths, classifier, _refusal(batch.task))
        ]
        with self._lock:
            before = self._batches.get(batch.batch_id, batch).results
        for path in paths:
            _forget_header(path)
        manifest = classifier.bundle.manifest
        self._change(
            batch.batch_id,
            results=(*before, *found),
            bundle_id=manifest.bundle_id,
            labels=len(manifest.labels),
        )

    def _went(self, batch: Batch, start: int, done: Future[None]) -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        if error is None and start + AT_ONCE < batch.total:
            try:
                self._go_on(batch, start + AT_ONCE)
            except RuntimeError as closed:
                error = closed
            else:
                return
        if error is not None and not isinstance(error, ClinicScopeError):
            log.error("batch %s broke off", batch.batch_id, exc_info=error)
        problem = "" if error is None else str(error) or type(error).__name__
        self._change(batch.batch_id, running=False, problem=problem)

    def _change(self, batch_id: str, **changes: object) -> None:
        with self._lock:
            if batch_id in self._batches:
                self._batches[batch_id] = replace(self._batches[batch_id], **changes)  # type: ignore[arg-type]

    def _push_out(self) -> None:
        """Forgets the oldest that are done; the lock is held."""
        done = [one for one in self._batches.values() if not one.running]
        for batch in done[: max(0, len(self._batches) - KEPT)]:
            del self._batches[batch.batch_id]
            shutil.rmtree(batch.paths[0].parent, ignore_errors=True)


def _forget_header(path: Path) -> None:
    """Of a DICOM file, which names a person, the picture alone stays; nothing of a refused one."""
    data = path.read_bytes()
    if not is_dicom(data):
        return
    try:
        path.write_bytes(encode_radiograph(decode_radiograph(data)))
    except ImageError:
        path.write_bytes(b"")


def _refusal(task: str) -> Refusal | None:
    return why_no_radiograph if task in XRAY_TASKS else None
