"""A bundle's networks on one accelerator: opened, warmed up, held against the golden tensors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import (
    ClinicScopeError,
    DeviceLostError,
    ManifestError,
    NotTakenError,
    RuntimeUnavailableError,
)
from edge.contract.manifest import Golden
from edge.runtimes.base import COMPILED, Device, Runtime, open_network
from edge.runtimes.chunks import BATCH
from edge.selftest import self_test


@dataclass(frozen=True)
class Way:
    """How networks are opened.

    Attributes:
        runtime: its key in `edge.runtimes.base.RUNTIMES`.
        device: None is the plain processor.
    """

    runtime: str
    threads: int = 1
    device: Device | None = None

    @property
    def key(self) -> str:
        """For logs and records: runtime/accelerator."""
        return f"{self.runtime}/{self.device.name if self.device else 'cpu'}"


@dataclass(frozen=True, eq=False)
class Network:
    """One network of a bundle."""

    bundle: Bundle
    role: str

    @property
    def golden(self) -> Golden | None:
        """Its own golden tensors; None where they are the bundle's."""
        manifest = self.bundle.manifest
        section = {"novelty": manifest.novelty, "finder": manifest.finder}.get(self.role)
        return section.golden if section else None

    def open(self, way: Way) -> Runtime:
        """Opened on the device, or on the processor where the device cannot take this network.

        Raises:
            ClinicScopeError: neither could.
        """
        if way.device is None:
            return open_network(self.bundle, self.role, way.runtime, threads=way.threads)
        # Why not is found out, and said, where this is opened alone.
        with suppress(RuntimeUnavailableError, ManifestError):
            return open_network(
                self.bundle, self.role, way.runtime, threads=way.threads, device=way.device
            )
        return open_network(self.bundle, self.role, way.runtime, threads=way.threads)


def networks_of(bundle: Bundle, roles: Sequence[str]) -> tuple[Network, ...]:
    """A bundle's networks, in that order."""
    return tuple(Network(bundle, role) for role in roles)


def open_proven(
    networks: Sequence[Network], way: Way, plain: Sequence[Network] = ()
) -> tuple[Runtime, ...]:
    """The networks, each warm and true to its golden tensors.

    Args:
        plain: those of them that belong on the processor, since the device computes nothing there.

    Raises:
        RuntimeUnavailableError: one could not be opened.
        NotTakenError: the device takes none of them.
        GoldenMismatchError: one gives other answers.
        DeviceLostError: one could not be computed.
    """
    opened: list[Runtime] = []
    try:
        for network in networks:
            opened.append(network.open(replace(way, device=None) if network in plain else way))
        device = way.device
        if device and not any(runtime.accelerator == device.name for runtime in opened):
            raise _none_taken(networks, way)
        for network, runtime in zip(networks, opened, strict=True):
            warm_up(network, runtime)
            self_test(network.bundle, runtime, network.golden)
    except ClinicScopeError:
        for runtime in opened:
            # What failed may fail to close, too.
            with suppress(DeviceLostError):
                runtime.close()
        raise
    return tuple(opened)


def warm_up(network: Network, runtime: Runtime) -> None:
    """Calls the network once for each size of chunk, which a device may have to prepare."""
    golden = network.golden or network.bundle.manifest.golden
    images = network.bundle.array(golden.input_file).astype(np.uint8)
    if not runtime.weights.inputs[0].fits(images.shape) or not len(images):
        return  # the self-test says so
    if runtime.weights.role == "finder":
        runtime.grid(images[0])
    elif runtime.weights.role == "enhancer":
        runtime.enlarge(images[:1])
    else:
        runtime.run(np.resize(images, (BATCH + BATCH // 2 + 1, *images.shape[1:])))


def _none_taken(networks: Sequence[Network], way: Way) -> ClinicScopeError:
    """Why a device took none of the networks: what it says of the first."""
    device, first = way.device, networks[0]
    if device and device.name in COMPILED:
        name = first.bundle.manifest.bundle_id
        formats = {weights.format for weights in first.bundle.manifest.weights}
        if COMPILED[device.name] not in formats:
            return NotTakenError(
                f"bundle {name} has no network compiled for {device.name}; make one with "
                f"`clinicscope compress {COMPILED[device.name]}`"
            )
    try:
        open_network(first.bundle, first.role, way.runtime, device=device).close()
    except ClinicScopeError as error:
        return error
    return NotTakenError(f"{way.key} takes none of the networks")
