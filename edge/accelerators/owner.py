"""The one thread that opens and calls an accelerator's networks; its caller waits no longer than
it was told.

Some delegates work only in the thread that made them, and a call that hangs inside a driver cannot
be ended: then the thread is left behind, and nobody waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from edge.contract.errors import DeviceLostError

T = TypeVar("T")


class Owner:
    """A thread that does one piece of work after another.

    Attributes:
        stuck: a piece of work took too long; no other will be done.
    """

    def __init__(self, name: str) -> None:
        self.stuck = False
        self._name = name
        self._work: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        # A daemon, so that a thread that hangs does not keep the program from ending.
        threading.Thread(target=self._run, name=f"accelerator {name}", daemon=True).start()

    def call(self, work: Callable[[], T], timeout_s: float) -> T:
        """What the work gives, or raises.

        Raises:
            DeviceLostError: no answer in time, now or before.
        """
        if self.stuck:
            raise DeviceLostError(f"{self._name} hangs")
        future: Future[T] = Future()
        self._work.put((work, future))
        try:
            return future.result(timeout_s)
        except TimeoutError as error:
            if future.done():
                raise
            self.stuck = True
            raise DeviceLostError(f"{self._name} gave no answer within {timeout_s:g} s") from error

    def end(self) -> None:
        """Lets the thread end after its work."""
        self._work.put(None)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, future = item
            try:
                future.set_result(work())
            except BaseException as error:
                # It belongs to the caller, whatever it is.
                future.set_exception(error)
