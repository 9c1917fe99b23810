"""A thread's sign of life: what it is doing, and until when that must be done.

A thread that hangs cannot tell so itself; whoever watches it asks here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pulse:
    """Of one thread. It sets deadlines; any other may ask.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deadline: float | None = None
        self._doing = ""

    @contextmanager
    def within(self, budget_s: float, doing: str) -> Iterator[None]:
        """What is done inside must end in time; never one within another."""
        self._doing = doing
        self._deadline = self._clock() + budget_s
        try:
            yield
        finally:
            self._deadline = None

    def overdue(self) -> str:
        """What it hangs in; empty where it does not."""
        deadline = self._deadline  # It may be over meanwhile.
        return self._doing if deadline is not None and self._clock() > deadline else ""
