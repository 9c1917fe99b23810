"""Starts networks on one step of a plan: proven in a child process, then opened here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from edge.accelerators.memory import Memory
from edge.accelerators.opening import Network, Way, open_proven
from edge.accelerators.owner import Owner
from edge.accelerators.plan import Step
from edge.accelerators.proof import prove
from edge.accelerators.settings import AcceleratorSettings
from edge.accelerators.threads import cores, fit_threads
from edge.contract.errors import ClinicScopeError, RuntimeUnavailableError
from edge.runtimes.base import Operations, Runtime

_THREADS_AT_MOST = 4
# Share of the processor's time that an accelerator may take to be used unasked.
_WORTH = 0.9


class SlowerError(ClinicScopeError):
    """Nobody asked for an accelerator that the processor outruns."""


class Starter:
    """Starts networks on an accelerator, within what the site allows it.

    Args:
        processor: the steps of the plan that are the plain processor, for comparison.
    """

    def __init__(
        self, settings: AcceleratorSettings, memory: Memory, processor: Sequence[Step]
    ) -> None:
        self._settings, self._memory, self._processor = settings, memory, processor

    def start(
        self, step: Step, networks: Sequence[Network]
    ) -> tuple[tuple[Runtime, ...], Owner | None]:
        """The networks, and the thread that must call them; None where any may.

        Raises:
            SlowerError: nobody asked for it, and the processor is as fast.
            ClinicScopeError: it is absent, failed too often, or is not proven.
        """
        way = self._way(step, networks[0])
        if way.device is None:
            return open_proven(networks, way), None
        failures = self._memory.failures(step.key)
        if len(failures) > self._settings.restarts:
            raise RuntimeUnavailableError(
                f"failed {len(failures)} times within the last hour, so it is left alone for now; "
                f"the last time it {failures[-1]}"
            )
        operations = self._prove(step, way, networks)
        owner = Owner(step.key)
        runtimes = owner.call(
            lambda: _open_counted(networks, way, operations), self._timeout_s(step)
        )
        self._memory.starts_serving(step.key)
        return runtimes, owner

    def start_beside(self, step: Step, network: Network, owner: Owner | None) -> Runtime:
        """One more network on what serves already. Raises as `start`."""
        way = self._way(step, network)
        if owner is None:
            return open_proven((network,), way)[0]
        proof = prove((network,), way, self._timeout_s(step))
        operations = [Operations(*proof.operations[network.role])]
        return owner.call(
            lambda: _open_counted((network,), way, operations)[0], self._timeout_s(step)
        )

    def _prove(self, step: Step, way: Way, networks: Sequence[Network]) -> list[Operations]:
        """In a child process, the networks of each bundle; what of each runs on the device."""
        first = networks[0].bundle
        own = [network for network in networks if network.bundle is first]
        proof = prove(own, way, self._timeout_s(step))
        if not step.asked and proof.batch_ms is not None:
            self._check_faster(networks[0], proof.batch_ms)
        found = [proof.operations[network.role] for network in own]
        for network in networks[len(own) :]:
            other = prove((network,), way, self._timeout_s(step))
            found.append(other.operations[network.role])
        return [Operations(on_device, total) for on_device, total in found]

    def _check_faster(self, network: Network, batch_ms: float) -> None:
        """Unasked, an accelerator has to be faster than the processor would be in its place."""
        own_ms = self._processor_ms(network)
        if own_ms is not None and batch_ms > own_ms * _WORTH:
            raise SlowerError(
                f"takes {batch_ms:.2f} ms for a chunk of cells, the processor {own_ms:.2f} ms"
            )

    def _processor_ms(self, network: Network) -> float | None:
        """Of the first runtime of the plan that can; None where none can."""
        for step in self._processor:
            if step.way:
                with suppress(ClinicScopeError, ImportError):
                    return fit_threads(network, step.way.runtime, self._memory)[1]
        return None

    def _way(self, step: Step, network: Network) -> Way:
        """The step's way, with threads measured where the site sets none."""
        way = step.way
        if way is None:
            raise RuntimeUnavailableError(step.why)
        if way.threads:
            return way
        threads = min(cores(), _THREADS_AT_MOST)
        if way.device is None and network.role == "classifier":
            threads, _ = fit_threads(network, way.runtime, self._memory)
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
