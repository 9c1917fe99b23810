"""Long work that a page starts and then watches: an export, a backup. One at a time.

What is to be fetched by the browser lies in a folder of the data directory until it was replaced by
the next one, the device starts again, or an hour has passed.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.backup.make import BackupReport
from edge.contract.errors import BusyError, ClinicScopeError
from edge.interop.export import Exported
from edge.store.files import disk_errors, make_folder

EXPORT, BACKUP = "export", "backup"
DOWNLOADS_FOLDER = "downloads"
KEPT_S = 3600.0
_UNEXPECTED = "something went wrong inside; the log of the device has it"
_log = logging.getLogger(__name__)

Result = Exported | BackupReport
# The step, how much of it is done, and of how much.
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """A piece of work as it stands.

    Attributes:
        kind: EXPORT or BACKUP.
        by: who asked for it.
        begun_utc: when.
        fetched: the file is to be fetched by the browser; else it goes to a drive.
        step: what it is at; empty before it has said so.
        done, total: of the step; total 0 where that is not known.
        result: once it is done.
        problem: why there is none; empty otherwise.
        arrived: someone said that the file has come to where it belongs.
        gone: what was to be fetched was deleted since.
    """

    kind: str
    by: str
    begun_utc: str
    fetched: bool
    step: str = ""
    done: int = 0
    total: int = 0
    running: bool = True
    result: Result | None = None
    problem: str = ""
    arrived: bool = False
    gone: bool = False

    @property
    def file(self) -> Path | None:
        """What the browser may fetch now."""
        is_there = self.fetched and self.result is not None and not self.gone
        return self.result.path if self.result and is_there else None


class Jobs:
    """The last piece of work; the next one replaces it.

    Args:
        home: of the records.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / DOWNLOADS_FOLDER
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def last(self) -> Job | None:
        """The work at hand, or the last one; None before there was any."""
        return self._job

    def start(self, job: Job, work: Callable[[Told], Result]) -> None:
        """Begins.

        Args:
            job: as it begins.
            work: does it, in a thread of its own, and writes to `folder` what is to be fetched.

        Raises:
            BusyError: another one is at work.
            StoreError: the folder for what is fetched cannot be made.
        """
        with self._lock:
            if self._job is not None and self._job.running:
                raise BusyError("an export or a backup is being made; wait until it is done")
            self._clear()
            with disk_errors(self.folder, 0):
                make_folder(self.folder)
                self.folder.chmod(0o700)
            self._job = job
        self._thread = threading.Thread(target=self._run, args=(work,), name="job", daemon=True)
        self._thread.start()

    def say_arrived(self) -> None:
        """Someone has the file where it belongs."""
        if self._job is not None:
            self._job = replace(self._job, arrived=True)

    def wait(self, timeout_s: float) -> bool:
        """Whether the work ended within this time."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._job is None or not self._job.running

    def _run(self, work: Callable[[Told], Result]) -> None:
        try:
            self._change(result=work(self._tell))
        except ClinicScopeError as error:
            self._change(problem=str(error))
        except Exception:
            # The page would wait for ever; whatever it was, it says so and the log has it.
            _log.exception("an export or a backup broke off")
            self._change(problem=_UNEXPECTED)
        self._change(running=False)
        self._timer = threading.Timer(KEPT_S, self._clear)
        self._timer.daemon = True
        self._timer.start()

    def _tell(self, step: str, done: int, total: int) -> None:
        self._change(step=step, done=done, total=total)

    def _change(self, **values: object) -> None:
        if self._job is not None:
            self._job = replace(self._job, **values)  # type: ignore[arg-type]

    def _clear(self) -> None:
        """Deletes what was to be fetched."""
        if self._timer is not None:
            self._timer.cancel()
        with suppress(OSError):
            shutil.rmtree(self.folder)
        self._change(gone=True)
