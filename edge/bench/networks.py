"""The networks of an opened bundle by role, and the input that each is timed on: its golden one.

It imports no more than opening a bundle does, because a cold start is measured with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.bench.turns import Call
from edge.contract.bundle import Bundle
from edge.contract.types import U8Array
from edge.runtimes.base import Runtime

if TYPE_CHECKING:
    from edge.enhancement.enhancer import Enhancer
    from edge.screening.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Network:
    """One network of a bundle on the runtime that serves.

    Attributes:
        images: (N,H,W,3) uint8 RGB, of its golden input.
    """

    role: str
    bundle: Bundle
    runtime: Runtime
    images: U8Array

    @property
    def name(self) -> str:
        """The bundle's id; with the role of a network beside the classifier."""
        beside = "" if self.role in ("classifier", "enhancer") else f", {self.role}"
        return self.bundle.manifest.bundle_id + beside

    @property
    def on_processor(self) -> bool:
        """Whether the plain processor computes it, with or without its library's own delegate."""
        return self.runtime.accelerator.startswith("cpu")

    @property
    def content(self) -> bytes:
        """The weights file."""
        return self.bundle.weights_bytes(self.runtime.weights)

    def caller(self, batch: int) -> tuple[Call, int]:
        """A call through the runtime, and how many of the batch it takes."""
        images = np.resize(self.images, (batch, *self.images.shape[1:]))
        if self.role == "finder":
            return (lambda: self.runtime.grid(images[0])), 1
        if self.role == "enhancer":
            return (lambda: self.runtime.enlarge(images)), batch
        return (lambda: self.runtime.run(images)), batch


def networks_of(opened: Classifier | Enhancer) -> tuple[Network, ...]:
    """The classifier or enhancer first, then those beside it."""
    first = "enhancer" if opened.bundle.manifest.enhancer else "classifier"
    runtimes = {first: opened.runtime}
    for role in ("novelty", "finder"):
        beside = getattr(opened, role, None)
        if beside:
            runtimes[role] = beside.runtime
    return tuple(network_of(opened.bundle, role, runtime) for role, runtime in runtimes.items())


def network_of(bundle: Bundle, role: str, runtime: Runtime) -> Network:
    """One network with its golden input."""
    manifest = bundle.manifest
    beside = {"novelty": manifest.novelty, "finder": manifest.finder}.get(role)
    golden = beside.golden if beside else manifest.golden
    return Network(role, bundle, runtime, bundle.array(golden.input_file).astype(np.uint8))
