"""A network on an accelerator that may fail: the caller sees one runtime, whatever serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edge.accelerators.owner import Owner
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime, Scores

if TYPE_CHECKING:
    from edge.accelerators.serving import Serving

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Served:
    """What serves now.

    Attributes:
        owner: the thread that must call it; None where any may.
        generation: counts how often what serves was replaced.
    """

    runtime: Runtime
    owner: Owner | None
    generation: int


class GuardedRuntime(Runtime):
    """One network of a `Serving`. Its attributes are those of what serves now."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.served: Served
        self.closed = False

    def take(self, served: Served, fallback_why: str) -> None:
        """Another runtime serves from now on."""
        runtime = served.runtime
        self.name, self.accelerator = runtime.name, runtime.accelerator
        self.threads, self.weights = runtime.threads, runtime.weights
        self.operations, self.fallback_why = runtime.operations, fallback_why
        self.served = served

    def run(self, batch: U8Array) -> Scores:
        """See `Runtime.run`; RuntimeUnavailableError also where nothing is left to serve it."""
        return self._call(lambda runtime: runtime.run(batch), len(batch))

    def enlarge(self, batch: U8Array) -> U8Array:
        """See `Runtime.enlarge` and `run`."""
        return self._call(lambda runtime: runtime.enlarge(batch), len(batch))

    def grid(self, image: U8Array) -> F32Array:
        """See `Runtime.grid` and `run`."""
        return self._call(lambda runtime: runtime.grid(image), 1)

    def close(self) -> None:
        """See `Runtime.close`."""
        self.serving.close(self)

    def _call(self, work: Callable[[Runtime], T], count: int) -> T:
        return self.serving.call(self, work, count)
