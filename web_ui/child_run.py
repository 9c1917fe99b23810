"""Long work in a process of its own, one at a time, watched by the page.

A view starts it and reads its state; it never waits for it.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edge.config import HOME_VARIABLE
from edge.contract.errors import BusyError
from web_ui.language import gettext as _

_ENDING_S = 5.0
_at_work: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class ChildState:
    """A snapshot.

    Attributes:
        running: it is at work.
        line: the newest line that it wrote; empty before the first.
        exit_code: None before its first end, and while it runs; negative where a signal ended it.
        output: all that it wrote, once it has ended.
        error: what it wrote to its standard error, once it has ended.
        ended_utc: when it ended last; empty before.
    """

    running: bool = False
    line: str = ""
    exit_code: int | None = None
    output: str = ""
    error: str = ""
    ended_utc: str = ""


class ChildRun:
    """One kind of long work.

    Args:
        home: the data directory, which the child uses, too.
        now: tells the time of the end.
    """

    def __init__(self, home: Path, now: Callable[[], str]) -> None:
        self._home = home
        self._now = now
        self._lock = threading.Lock()
        self._state = ChildState()
        self._process: subprocess.Popen[str] | None = None
        self._watch: threading.Thread | None = None

    def state(self) -> ChildState:
        """A snapshot; safe from any thread."""
        with self._lock:
            return self._state

    def start(self, words: Sequence[str]) -> None:
        """Starts this program's Python with these words ("-m", "edge.bench.child", ...).

        Raises:
            BusyError: it is at work already.
        """
        with self._lock:
            if self._state.running:
                raise BusyError(_("This is at work already; wait for it."))
            # A file takes any amount; a second pipe that nobody reads would stop the child.
            errors = tempfile.TemporaryFile(  # noqa: SIM115  (closed by the watch)
                "w+", encoding="utf-8", errors="replace"
            )
            process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, HOME_VARIABLE: str(self._home)},
            )
            _at_work.add(process)
            self._process, self._state = process, ChildState(running=True)
            self._watch = threading.Thread(
                target=self._attend, args=(process, errors), name="child-watch", daemon=True
            )
            self._watch.start()

    def stop(self) -> None:
        """Ends it where it is at work."""
        with self._lock:
            if self._process is not None and self._state.running:
                self._process.terminate()

    def wait(self, timeout_s: float | None = None) -> ChildState:
        """The state once it has ended, or after the time-out."""
        watch = self._watch
        if watch is not None:
            watch.join(timeout_s)
        return self.state()

    def _attend(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        lines: list[str] = []
        with errors:
            for line in process.stdout or ():
                lines.append(line)
                with self._lock:
                    self._state = replace(self._state, line=line.strip())
            process.wait()
            if process.stdout:
                process.stdout.close()
            errors.seek(0)
            told = errors.read()
        _at_work.discard(process)
        last = lines[-1].strip() if lines else ""
        with self._lock:
            self._state = ChildState(
                False, last, process.returncode, "".join(lines), told, self._now()
            )


def end_children() -> None:
    """Ends all that is at work; nothing outlives the service."""
    for process in list(_at_work):
        process.terminate()
    for process in list(_at_work):
        try:
            process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()


atexit.register(end_children)
