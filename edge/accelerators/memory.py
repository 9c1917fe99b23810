"""What a device remembers of its accelerators from start to start, in accelerators.json.

Failures, so that what failed again and again is left alone; what serves, so that a program that a
driver brought down is told from one that ended; times that were measured, each with when and for
what. A file that cannot be read or written costs the memory and nothing else.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.contract.errors import StoreError
from edge.store.files import write_durably

log = logging.getLogger(__name__)

MEMORY_FILE = "accelerators.json"
HOUR_S = 3600.0
_MOST_KEPT = 20
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Memory:
    """Failures, services and measured times. Threads may share one.

    Args:
        home: the data directory; None keeps it in this process alone.
        now: seconds since 1970.
    """

    def __init__(self, home: Path | None, now: Callable[[], float] = time.time) -> None:
        self._path = home / MEMORY_FILE if home else None
        self._now = now
        self._lock = threading.Lock()
        self._content = self._read()
        self._find_crashes()

    def failures(self, key: str) -> list[str]:
        """Why an accelerator failed within the last hour, the oldest first."""
        with self._lock:
            found: list[dict[str, Any]] = self._content.get("failures", {}).get(key, [])
            return [item["why"] for item in found if self._now() - item["at"] < HOUR_S]

    def add_failure(self, key: str, why: str) -> None:
        """It failed while it served."""
        with self._changing() as content:
            self._add_failure(content, key, why)

    def starts_serving(self, key: str) -> None:
        """It serves in this process, until `ends_serving` or until the program ends in order."""
        with self._changing() as content:
            content.setdefault("serving", {})[str(os.getpid())] = [key, _boot()]
        atexit.register(self.ends_serving)

    def ends_serving(self) -> None:
        """Nothing serves in this process any more; may be called twice."""
        atexit.unregister(self.ends_serving)
        if str(os.getpid()) in self._content.get("serving", {}):
            with self._changing() as content:
                content.get("serving", {}).pop(str(os.getpid()), None)

    def recall(self, what: str, key: str) -> dict[str, Any] | None:
        """What was measured and kept under that name; None where nothing was."""
        with self._lock:
            found: dict[str, Any] | None = self._content.get(what, {}).get(key)
            return found

    def keep(self, what: str, key: str, found: dict[str, Any]) -> None:
        """Keeps a measurement, with when."""
        measured = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self._now()))
        with self._changing() as content:
            content.setdefault(what, {})[key] = found | {"measured_utc": measured}

    def _find_crashes(self) -> None:
        """A process that is gone, in this boot, while an accelerator served, was brought down."""
        gone = [pid for pid in self._content.get("serving", {}) if not _is_running(pid)]
        if not gone:
            return
        with self._changing() as content:
            for pid in gone:
                key, boot = content.get("serving", {}).pop(pid, ("", ""))
                if key and boot == _boot():
                    why = "the program was brought down while it served"
                    self._add_failure(content, key, why)

    def _add_failure(self, content: dict[str, Any], key: str, why: str) -> None:
        kept = content.setdefault("failures", {}).setdefault(key, [])
        kept.append({"at": self._now(), "why": why})
        del kept[:-_MOST_KEPT]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The content as it is now, which another process may have changed; then written."""
        with self._lock:
            if self._path is not None and self._path.is_file():
                self._content = self._read()
            yield self._content
            self._write()

    def _read(self) -> dict[str, Any]:
        if self._path is None or not self._path.is_file():
            return {}
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read and is begun anew: %s", self._path, error)
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            write_durably(self._path, (json.dumps(self._content, indent=1) + "\n").encode())
        except StoreError as error:
            log.warning("%s cannot be written: %s", self._path, error)


def _is_running(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


def _boot() -> str:
    """Which boot this is: a power cut is no driver's fault."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
