"""What every runtime promises, and how a bundle's network is opened on the first that works."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
    """

    name: str
    accelerator: str
    threads: int
    weights: Weights

    @abstractmethod
    def run(self, batch: U8Array) -> Scores:
        """Scores of (N,H,W,3) uint8 RGB; N may be 0 and is otherwise unlimited.

        Raises:
            BundleError: the network is an enhancer or a finder.
            RuntimeUnavailableError: the network was closed.
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
        fallback,
        runtime.threads,
    )


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
                opened.append(_open(bundle, role, name, threads))
        except (ClinicScopeError, ImportError) as error:
            failures.append(f"{name}: {error}")
            for runtime in opened:
                runtime.close()
        else:
            return tuple(opened)
    raise RuntimeUnavailableError(
        f"no runtime opened bundle {bundle.manifest.bundle_id}: " + "; ".join(failures)
    )


def _open(bundle: Bundle, role: str, name: str, threads: int) -> Runtime:
    target, format_ = RUNTIMES[name]
    module, _, kind = target.partition(":")
    weights = bundle.manifest.weights_for(role, format_)
    content = bundle.weights_bytes(weights)
    runtime: Runtime = getattr(import_module(module), kind)(content, weights, threads=threads)
    return runtime
