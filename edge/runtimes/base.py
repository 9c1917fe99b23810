"""What every runtime promises, and how a bundle's network is opened on the first that works."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from edge.contract.bundle import Bundle
from edge.contract.errors import ClinicScopeError, RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.contract.types import F32Array, RanOn, U8Array

# name -> (class, weights format). Order is preference: see ADR 4.
RUNTIMES = {
    "litert": ("edge.runtimes.litert:LiteRTRuntime", "tflite"),
    "tflite_runtime": ("edge.runtimes.tflite_runtime:LegacyTFLiteRuntime", "tflite"),
    "onnx": ("edge.runtimes.onnx:OnnxRuntime", "onnx"),
}


# Where a device takes only networks compiled for it: its name -> their weights format.
COMPILED = {"edgetpu": "edgetpu"}


@dataclass(frozen=True)
class Device:
    """What computes in place of the plain processor; see `edge.accelerators`.

    Attributes:
        name: for the record.
        entry: path of a delegate's library, or what ONNX Runtime calls a provider.
        options: as the library or the provider spells them.
    """

    name: str
    entry: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Operations:
    """How many of a network's operations a device took; the rest runs on the processor."""

    on_device: int
    total: int


@dataclass(frozen=True, eq=False)
class Scores:
    """What the network gave for a batch, float32.

    Attributes:
        logits: (N,) of the positive label of two, or (N,K) of K labels.
        cams: the maps that they are the means of, (N,h,w) or (N,h,w,K).
    """

    logits: F32Array
    cams: F32Array


class Runtime(ABC):
    """One opened network. It may be called from any thread; calls queue behind a lock.

    Attributes:
        name: its key in RUNTIMES.
        accelerator: what really computes.
        weights: the manifest's entry of the file that was opened.
        operations: what a device took of it; None on the processor.
        fallback_why: why the accelerator that was preferred does not serve; empty where it does.
    """

    name: str
    accelerator: str
    threads: int
    weights: Weights
    operations: Operations | None = None
    fallback_why: str = ""

    @abstractmethod
    def run(self, batch: U8Array) -> Scores:
        """Scores of (N,H,W,3) uint8 RGB; N may be 0 and is otherwise unlimited.

        Raises:
            BundleError: the network is an enhancer or a finder.
            RuntimeUnavailableError: the network was closed.
            DeviceLostError: it could not be computed; so for `enlarge` and `grid`.
        """

    @abstractmethod
    def enlarge(self, batch: U8Array) -> U8Array:
        """Pictures twice as large, (N,2T,2T,3) uint8 RGB, of (N,T,T,3) uint8 RGB, N any.

        Raises:
            BundleError: the network is no enhancer.
            RuntimeUnavailableError: the network was closed.
        """

    @abstractmethod
    def grid(self, image: U8Array) -> F32Array:
        """What a finder says of one image, (h,w,CHANNELS) float32; see `edge.contract.cell_grid`.

        Args:
            image: (H,W,3) uint8 RGB, sides multiples of SIDE_STEP_PX there.

        Raises:
            BundleError: the network is no finder.
            RuntimeUnavailableError: the network was closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Frees the network; may be called twice."""


def describe_run(bundle: Bundle, runtime: Runtime, fallback: bool) -> RanOn:
    """What really runs, for the record."""
    return RanOn(
        bundle.manifest.bundle_id,
        bundle.sha256,
        runtime.name,
        runtime.accelerator,
        fallback or bool(runtime.fallback_why),
        runtime.threads,
        fallback_why=runtime.fallback_why,
    )


def name_accelerators(first: str, others: Mapping[str, Runtime | None]) -> str:
    """What computes, for the record: the first network's, and by role those of other ones.

    Args:
        first: the accelerator of the first network.
        others: the networks beside it, by role; None where there is none.
    """
    differing = [
        f"{role}: {runtime.accelerator}"
        for role, runtime in others.items()
        if runtime and runtime.accelerator != first
    ]
    return "; ".join([first, *differing])


def open_runtime(
    bundle: Bundle, role: str = "classifier", *, threads: int = 1, names: Sequence[str] = ()
) -> Runtime:
    """Opens the bundle's network of one role; see `open_runtimes`."""
    return open_runtimes(bundle, (role,), threads=threads, names=names)[0]


def open_runtimes(
    bundle: Bundle, roles: Sequence[str], *, threads: int = 1, names: Sequence[str] = ()
) -> tuple[Runtime, ...]:
    """Opens a network of each role, all on the first runtime that can: a record names one.

    Args:
        names: runtimes to try, in order; empty tries all.

    Raises:
        RuntimeUnavailableError: none could, with each one's failure.
    """
    failures = []
    for name in names or RUNTIMES:
        if name not in RUNTIMES:
            failures.append(f"{name}: unknown; this program knows {', '.join(RUNTIMES)}")
            continue
        opened: list[Runtime] = []
        try:
            for role in roles:
                opened.append(open_network(bundle, role, name, threads=threads))
        except (ClinicScopeError, ImportError) as error:
            failures.append(f"{name}: {error}")
            for runtime in opened:
                runtime.close()
        else:
            return tuple(opened)
    raise RuntimeUnavailableError(
        f"no runtime opened bundle {bundle.manifest.bundle_id}: " + "; ".join(failures)
    )


def open_network(
    bundle: Bundle, role: str, name: str, *, threads: int = 1, device: Device | None = None
) -> Runtime:
    """Opens the network of one role on this very runtime.

    Args:
        device: what is to compute it; None is the processor. A device that takes only networks
            compiled for it gets that file.

    Raises:
        RuntimeUnavailableError: runtime or device is absent, or refuses the network.
        ManifestError: the bundle has no such file.
    """
    target, format_ = RUNTIMES[name]
    module, _, kind = target.partition(":")
    format_ = COMPILED.get(device.name, format_) if device else format_
    weights = bundle.manifest.weights_for(role, format_)
    content = bundle.weights_bytes(weights)
    settings = {"device": device} if device else {}
    runtime: Runtime = getattr(import_module(module), kind)(
        content, weights, threads=threads, **settings
    )
    return runtime
