"""Fresh processes of this machine: each does one thing, says how it goes, and ends with its parent.

A fit in a process of its own has the threads that it is given, whatever ran before.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from typing import Any, TypeVar

from edge.contract.errors import ClinicScopeError, DataError

R = TypeVar("R")
BEAT_S = 1.0


class WorkerDiedError(Exception):
    """A process ended before its work did; the text says what is known."""


class FaultError(RuntimeError):
    """The work met an exception that nobody raises on purpose; the text is its trace."""


class Beat:
    """How far a piece of work is; the work counts it up, others look at it."""

    count = 0

    def __call__(self) -> None:
        """One step further."""
        self.count += 1


class Process:
    """Runs `function(*given, beat=Beat)` of a module in a fresh process.

    Its count comes once a second, also while it stands still: silence means that the whole process
    does.
    """

    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        context = get_context("spawn")
        self._mine, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(theirs, function, given), daemon=True)
        self._process.start()
        theirs.close()

    def hear(self, wait_s: float) -> tuple[str, Any] | None:
        """What it says next: ("beat", count) or ("done", value); None where it says nothing.

        Raises:
            ClinicScopeError: the work's own.
            WorkerDiedError: the process is gone.
        FaultError: of the program.
        """
        try:
            if not self._mine.poll(wait_s):
                return None
            kind, value = self._mine.recv()
        except (EOFError, OSError) as error:
            self._process.join(10)
            raise WorkerDiedError(_died_of(self._process.exitcode)) from error
        if kind == "error":
            raise value
        if kind == "fault":
            raise FaultError(value)
        return kind, value

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.join()
        self._mine.close()


def in_fresh_process(function: Callable[..., R], *given: Any) -> R:
    """What `function(*given, beat=Beat)` gives in a fresh process.

    Raises:
        ClinicScopeError: the function's own.
        DataError: the process died.
        FaultError: of the program.
    """
    process = Process(function, *given)
    try:
        while True:
            said = process.hear(BEAT_S)
            if said and said[0] == "done":
                result: R = said[1]
                return result
    except WorkerDiedError as error:
        raise DataError(
            f"the process of the fit died: {error}; see whether memory is short, then run again: "
            "it goes on from its last checkpoint"
        ) from error
    finally:
        process.kill()


def _died_of(code: int | None) -> str:
    return f"it was ended by signal {-code}" if code and code < 0 else f"it ended with code {code}"


def _main(pipe: Any, function: Callable[..., Any], given: tuple[Any, ...]) -> None:
    beat, lock = Beat(), threading.Lock()
    threading.Thread(target=_tell, args=(pipe, lock, beat), daemon=True).start()
    said = _outcome(function, given, beat)
    with lock, suppress(OSError):
        pipe.send(said)
    # Others may still need what this process serves; whoever started it ends it.
    threading.Event().wait()


def _outcome(function: Callable[..., Any], given: tuple[Any, ...], beat: Beat) -> tuple[str, Any]:
    try:
        return "done", function(*given, beat=beat)
    except ClinicScopeError as error:
        return "error", error
    except BaseException:
        return "fault", traceback.format_exc()


def _tell(pipe: Any, lock: Any, beat: Beat) -> None:
    """Sends the count; ends the process where its parent is gone, which reads no more."""
    parent = parent_process()
    while not (parent and connection.wait([parent.sentinel], BEAT_S)):
        with lock, suppress(OSError):
            pipe.send(("beat", beat.count))
    os._exit(1)
