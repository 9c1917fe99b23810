"""Crews: workers that are started together, watched, and started again where one dies.

Nothing here knows what they do.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from edge.contract.errors import ClinicScopeError, DeviceLostError
from train.processes import BEAT_S, Beat, FaultError, WorkerDiedError

# How often workers are started without coming further.
TRIES = 4
# A worker that says nothing for so long has stopped; one that takes no step, waits in vain.
SILENCE_S = 60.0
STALL_S = 1800.0
# A worker's work: (what it is given, addresses of all, its index, its beat).
Work = Callable[[Any, Sequence[str], int, Beat], Any]


class Crew(ABC):
    """Starts all workers of one fit at once, wherever that is, and ends them."""

    def __init__(self, size: int, cpus: int) -> None:
        self.size, self.cpus = size, cpus

    @abstractmethod
    def start(self, work: Work, given: Any) -> None:
        """Starts them, with addresses at which they reach each other.

        Raises:
            ConfigError: there is no room for them.
            HardwareError: there is none now.
        """

    @abstractmethod
    def hear(self, index: int, wait_s: float) -> tuple[str, Any] | None:
        """As `train.processes.Process.hear`, of one worker."""

    @abstractmethod
    def stop(self) -> None:
        """Ends them all at once."""


def see_through(
    crew: Crew,
    work: Work,
    given: Any,
    progress: Callable[[], int],
    on_restart: Callable[[str], None],
    *,
    silence_s: float = SILENCE_S,
    stall_s: float = STALL_S,
) -> None:
    """Has a crew do work until its first worker is done, from the start where one dies.

    Args:
        progress: how far the work is on disk; a crew that came further may be lost once more.

    Raises:
        DeviceLostError: workers died TRIES times without coming further.
        FaultError: they met a fault of the program as often.
        ClinicScopeError: the work's own; it is not tried again.
    """
    tries, reached = 0, progress()
    while True:
        try:
            crew.start(work, given)
            _watch(crew, silence_s, stall_s)
            return
        except (WorkerDiedError, FaultError) as error:
            why = _first_cause(crew, error)
            tries, before, reached = tries + 1, reached, progress()
            tries = 1 if reached > before else tries
            if tries >= TRIES:
                raise _given_up(why) from error
            on_restart(_last_line(why))
        finally:
            crew.stop()


def _watch(crew: Crew, silence_s: float, stall_s: float) -> None:
    now = time.monotonic()
    heard, counts, moved = [now] * crew.size, [0] * crew.size, now
    done = [False] * crew.size
    while not done[0]:
        for index in range(crew.size):
            said, now = _hear(crew, index, BEAT_S / crew.size), time.monotonic()
            if said is not None:
                heard[index] = now
                done[index] |= said[0] == "done"
                if said[0] == "beat" and said[1] > counts[index]:
                    counts[index], moved = said[1], now
            elif now - heard[index] > silence_s:
                raise WorkerDiedError(f"worker {index} has said nothing for {silence_s:.0f} s")
        # The first worker has the scoring to do when the others are done.
        if not any(done) and now - moved > stall_s:
            raise WorkerDiedError(f"no worker has taken a step for {stall_s:.0f} s")


def _hear(crew: Crew, index: int, wait_s: float) -> tuple[str, Any] | None:
    try:
        return crew.hear(index, wait_s)
    except WorkerDiedError as error:
        raise WorkerDiedError(f"worker {index} of {crew.size}: {error}") from error


def _first_cause(crew: Crew, error: Exception) -> Exception:
    """A worker that died explains what the others met."""
    if isinstance(error, WorkerDiedError):
        return error
    for index in range(crew.size):
        try:
            # What it said before comes first.
            for _ in range(5):
                if _hear(crew, index, 0.5) is None:
                    break
        except WorkerDiedError as found:
            return found
        except (FaultError, ClinicScopeError):
            continue
    return error


def _given_up(why: Exception) -> Exception:
    if isinstance(why, FaultError):
        return why
    return DeviceLostError(
        f"workers of the fit died {TRIES} times without an epoch between, at last: {why}; see "
        "whether memory is short, then run again: it goes on from its last checkpoint"
    )


def _last_line(error: Exception) -> str:
    return [type(error).__name__, *str(error).strip().splitlines()][-1][:300]
