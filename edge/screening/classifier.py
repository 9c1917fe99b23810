"""A bundle on a runtime, proven by its golden tensors: what calls single pictures of any task."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.bundle import Bundle
from edge.contract.types import RanOn
from edge.runtimes.base import Runtime
from edge.selftest import self_test


@dataclass(frozen=True, eq=False)
class Classifier:
    """A bundle on a runtime.

    Raises:
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime
    fallback: bool = False

    def __post_init__(self) -> None:
        self_test(self.bundle, self.runtime)

    @property
    def ran_on(self) -> RanOn:
        """What really runs, for the record."""
        return RanOn(
            self.bundle.manifest.bundle_id,
            self.bundle.sha256,
            self.runtime.name,
            self.runtime.accelerator,
            self.fallback,
            self.runtime.threads,
        )
