"""Networks that are served together by one accelerator, and by the next when that one fails.

They change together: a record names what computed a field, so no field may be read by halves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from edge.accelerators.guarded import GuardedRuntime, Served
from edge.accelerators.libraries import installed_version
from edge.accelerators.memory import Memory
from edge.accelerators.opening import Network
from edge.accelerators.owner import Owner
from edge.accelerators.plan import Step
from edge.accelerators.settings import AcceleratorSettings
from edge.accelerators.starting import SlowerError, Starter
from edge.contract.errors import (
    ClinicScopeError,
    DeviceLostError,
    GoldenMismatchError,
    ManifestError,
    NotTakenError,
    RuntimeUnavailableError,
)
from edge.runtimes.base import Runtime

log = logging.getLogger(__name__)

T = TypeVar("T")
# Cells that a call computes within its time-out; one of more has more time.
_CELLS_A_CALL = 200


class Serving:
    """Tries one step of a plan after another, and goes on to the next where one fails.

    Args:
        networks: of one bundle; those of others may join.
        steps: in order of preference.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        steps: Sequence[Step],
        settings: AcceleratorSettings,
        memory: Memory,
    ) -> None:
        self.step = steps[0]
        self._networks, self._settings, self._memory = list(networks), settings, memory
        self._left = list(steps)
        processor = [step for step in steps if step.way and step.way.device is None]
        self._starter = Starter(settings, memory, processor)
        self._failures: list[tuple[str, Exception]] = []
        self._fallback: list[str] = []
        self._restarted = ""
        self._ended: ClinicScopeError | None = None
        self._guarded: list[GuardedRuntime] = []
        self._owner: Owner | None = None
        self._generation = 0
        self._lock = threading.RLock()

    @property
    def fallback_why(self) -> str:
        """Why what was preferred does not serve; empty where it does."""
        return "; ".join(self._fallback)

    def open(self) -> tuple[Runtime, ...]:
        """The networks on the first accelerator that proves itself.

        Raises:
            GoldenMismatchError, RuntimeUnavailableError: none did, with each one's reason.
        """
        runtimes = self._open_next()
        if self._owner is None:
            # Nothing to guard on the processor, and nothing in the way of a call.
            for runtime in runtimes:
                runtime.fallback_why = self.fallback_why
            return runtimes
        self._guarded = [GuardedRuntime(self) for _ in runtimes]
        self._serve(runtimes)
        return tuple(self._guarded)

    def join(self, network: Network) -> Runtime:
        """Another bundle's network, served by what serves now, and replaced along with it.

        Raises:
            ClinicScopeError: it cannot be served there.
        """
        with self._lock:
            runtime = self._starter.start_beside(self.step, network, self._owner)
            guarded = GuardedRuntime(self)
            guarded.take(Served(runtime, self._owner, self._generation), self.fallback_why)
            self._networks.append(network)
            self._guarded.append(guarded)
            return guarded

    def call(self, guarded: GuardedRuntime, work: Callable[[Runtime], T], count: int) -> T:
        """What the work gives, on the next accelerator where this one fails.

        Args:
            count: cells of the call.

        Raises:
            RuntimeUnavailableError: nothing is left.
        """
        allowed_s = self._settings.call_timeout_s * (1 + count / _CELLS_A_CALL)
        while True:
            if self._ended:
                raise RuntimeUnavailableError(str(self._ended)) from self._ended
            served = guarded.served
            runtime, owner = served.runtime, served.owner
            if owner is None:
                return work(runtime)
            try:
                return owner.call(partial(work, runtime), allowed_s)
            except DeviceLostError as error:
                self._recover(served, error)
            except RuntimeUnavailableError:
                # Another thread may just be replacing what this one still called.
                with self._lock:
                    replaced = guarded.served is not served or self._ended
                if not replaced:
                    raise

    def close(self, guarded: GuardedRuntime) -> None:
        """Frees one network; what hangs is left behind."""
        with self._lock:
            _close(guarded.served)
            guarded.closed = True
            if all(one.closed for one in self._guarded):
                self._memory.ends_serving()

    def _recover(self, failed: Served, error: DeviceLostError) -> None:
        """Restarts what failed, or goes on to the next; once for all networks."""
        with self._lock:
            if failed.generation != self._generation:
                return  # another thread did
            step, why = self.step, f"failed while it served: {error}"
            log.error("%s %s", step.key, why)
            self._memory.add_failure(step.key, why)
            self._memory.ends_serving()
            for guarded in self._guarded:
                _close(guarded.served)
            hangs = failed.owner is not None and failed.owner.stuck
            if not hangs and len(self._memory.failures(step.key)) <= self._settings.restarts:
                self._left.insert(0, step)
                self._restarted = why
            else:
                self._note(step, RuntimeUnavailableError(why))
            try:
                self._serve(self._open_next())
            except ClinicScopeError as nothing_left:
                self._ended = nothing_left
                raise

    def _serve(self, runtimes: Sequence[Runtime]) -> None:
        self._generation += 1
        for guarded, runtime in zip(self._guarded, runtimes, strict=True):
            served = Served(runtime, self._owner, self._generation)
            guarded.take(served, self.fallback_why)

    def _open_next(self) -> tuple[Runtime, ...]:
        while self._left:
            step = self._left.pop(0)
            try:
                runtimes, self._owner = self._starter.start(step, self._networks)
                self.step, self._restarted = step, ""
                return runtimes
            except (ClinicScopeError, ImportError) as error:
                self._note(step, error)
        reasons = "; ".join(f"{key}: {error}" for key, error in self._failures)
        name = self._networks[0].bundle.manifest.bundle_id
        wrong = any(isinstance(error, GoldenMismatchError) for _, error in self._failures)
        kind = GoldenMismatchError if wrong else RuntimeUnavailableError
        raise kind(f"no runtime opened bundle {name}: {reasons}")

    def _note(self, step: Step, error: Exception) -> None:
        self._failures.append((step.key, error))
        if isinstance(error, SlowerError) or not _is_fallback(step, error):
            log.info("%s is not used: %s", step.key, error)
            return
        before = f"{self._restarted}; then: " if self._restarted else ""
        self._restarted = ""
        log.warning("%s is not used: %s%s", step.key, before, error)
        self._fallback.append(f"{step.key}: {before}{error}")


def _is_fallback(step: Step, error: Exception) -> bool:
    """Whether going on without it is one: what nobody asked for may be missing."""
    if step.asked:
        return True
    if step.way and step.way.device:
        return not isinstance(error, NotTakenError)
    missing = step.way is None or installed_version(step.way.runtime) is None
    return not missing and not isinstance(error, ManifestError)


def _close(served: Served) -> None:
    with suppress(DeviceLostError):
        if served.owner is None:
            served.runtime.close()
        elif not served.owner.stuck:
            served.owner.call(served.runtime.close, 5.0)
