"""Networks that are served together by one accelerator, and by the next when that one fails.

They change together: a record names what computed a field, so no field may be read by halves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from edge.accelerators.guarded import GuardedRuntime, Served
from edge.accelerators.libraries import installed_version
from edge.accelerators.memory import Memory
from edge.accelerators.opening import Network, Way, open_proven
from edge.accelerators.owner import Owner
from edge.accelerators.plan import Step
from edge.accelerators.proof import prove
from edge.accelerators.settings import AcceleratorSettings
from edge.accelerators.threads import cores, fit_threads
from edge.contract.errors import (
    ClinicScopeError,
    DeviceLostError,
    GoldenMismatchError,
    ManifestError,
    NotTakenError,
    RuntimeUnavailableError,
)
from edge.runtimes.base import Operations, Runtime

log = logging.getLogger(__name__)

T = TypeVar("T")
# Cells that a call computes within its time-out; one of more has more time.
_CELLS_A_CALL = 200
_THREADS_AT_MOST = 4
# Share of the processor's time that an accelerator may take to be used unasked.
_WORTH = 0.9


class _SlowerError(ClinicScopeError):
    """Nobody asked for an accelerator that the processor outruns."""


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
            way = self._way(self.step)
            if self._owner is None:
                (runtime,) = open_proven((network,), way)
            else:
                operations = self._prove_networks((network,), self.step, way)
                (runtime,) = self._owner.call(
                    lambda: _open_counted((network,), way, operations), self._timeout_s(self.step)
                )
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
                return self._open(step)
            except (ClinicScopeError, ImportError) as error:
                self._note(step, error)
        reasons = "; ".join(f"{key}: {error}" for key, error in self._failures)
        name = self._networks[0].bundle.manifest.bundle_id
        wrong = any(isinstance(error, GoldenMismatchError) for _, error in self._failures)
        kind = GoldenMismatchError if wrong else RuntimeUnavailableError
        raise kind(f"no runtime opened bundle {name}: {reasons}")

    def _note(self, step: Step, error: Exception) -> None:
        self._failures.append((step.key, error))
        if isinstance(error, _SlowerError) or not _is_fallback(step, error):
            log.info("%s is not used: %s", step.key, error)
            return
        before = f"{self._restarted}; then: " if self._restarted else ""
        self._restarted = ""
        log.warning("%s is not used: %s%s", step.key, before, error)
        self._fallback.append(f"{step.key}: {before}{error}")

    def _open(self, step: Step) -> tuple[Runtime, ...]:
        if step.way is None:
            raise RuntimeUnavailableError(step.why)
        way, owner = self._way(step), None
        if way.device is None:
            runtimes = open_proven(self._networks, way)
        else:
            operations = self._prove(step, way)
            owner = Owner(step.key)
            runtimes = owner.call(
                lambda: _open_counted(self._networks, way, operations), self._timeout_s(step)
            )
            self._memory.starts_serving(step.key)
        self.step, self._owner, self._restarted = step, owner, ""
        return runtimes

    def _prove(self, step: Step, way: Way) -> list[Operations]:
        """In a child process, the networks of each bundle; what of each runs on the device."""
        failures = self._memory.failures(step.key)
        if len(failures) > self._settings.restarts:
            raise RuntimeUnavailableError(
                f"failed {len(failures)} times within the last hour, so it is left alone for now; "
                f"the last time it {failures[-1]}"
            )
        first = self._networks[0].bundle
        own = [network for network in self._networks if network.bundle is first]
        operations = self._prove_networks(own, step, way)
        for network in self._networks[len(own) :]:
            operations += self._prove_networks((network,), step, way)
        return operations

    def _prove_networks(
        self, networks: Sequence[Network], step: Step, way: Way
    ) -> list[Operations]:
        """The same of networks of one bundle."""
        proof = prove(networks, way, self._timeout_s(step))
        if not step.asked and proof.batch_ms is not None and networks[0] is self._networks[0]:
            self._check_faster(proof.batch_ms)
        return [Operations(*proof.operations[network.role]) for network in networks]

    def _check_faster(self, batch_ms: float) -> None:
        """Unasked, an accelerator has to be faster than the processor would be in its place."""
        own_ms = self._processor_ms()
        if own_ms is not None and batch_ms > own_ms * _WORTH:
            raise _SlowerError(
                f"takes {batch_ms:.2f} ms for a chunk of cells, the processor {own_ms:.2f} ms"
            )

    def _processor_ms(self) -> float | None:
        """Of the first runtime of the plan that can; None where none can."""
        for step in self._left:
            if step.way and step.way.device is None:
                with suppress(ClinicScopeError, ImportError):
                    return fit_threads(self._networks[0], step.way.runtime, self._memory)[1]
        return None

    def _way(self, step: Step) -> Way:
        """The step's way, with threads measured where the site sets none."""
        way = step.way
        if way is None:
            raise RuntimeUnavailableError(step.why)
        if way.threads:
            return way
        threads = min(cores(), _THREADS_AT_MOST)
        if way.device is None and self._networks[0].role == "classifier":
            threads, _ = fit_threads(self._networks[0], way.runtime, self._memory)
        return replace(way, threads=threads)

    def _timeout_s(self, step: Step) -> float:
        settings = self._settings
        return settings.build_timeout_s if step.builds else settings.proof_timeout_s


def _open_counted(
    networks: Sequence[Network], way: Way, operations: Sequence[Operations]
) -> tuple[Runtime, ...]:
    """Opened and proven; each says what of it runs on the device, as the child counted."""
    plain = [one for one, of in zip(networks, operations, strict=True) if not of.on_device]
    runtimes = open_proven(networks, way, plain)
    for runtime, found in zip(runtimes, operations, strict=True):
        runtime.operations = found if found.on_device else None
    return runtimes


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
