"""A bundle on a runtime, proven by its golden tensors: what calls single pictures of any task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.types import RanOn
from edge.runtimes.base import Runtime, describe_run, name_accelerators
from edge.screening.novelty import NoveltyNetwork
from edge.selftest import self_test


@dataclass(frozen=True, eq=False)
class Classifier:
    """A bundle on a runtime.

    Attributes:
        novelty: the second opinion, on the same runtime; None where the bundle has none.

    Raises:
        BundleError: the bundle has a second opinion, and it is not given.
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime
    fallback: bool = False
    novelty: NoveltyNetwork | None = None

    def __post_init__(self) -> None:
        if self.bundle.manifest.novelty and not self.novelty:
            raise BundleError(
                f"bundle {self.bundle.manifest.bundle_id} has a novelty network; open it, too, or "
                "what is no red cell would be called"
            )
        self_test(self.bundle, self.runtime)

    @property
    def ran_on(self) -> RanOn:
        """What really runs, for the record."""
        ran_on = describe_run(self.bundle, self.runtime, self.fallback)
        named = name_accelerators(ran_on.accelerator, self.networks_beside())
        return replace(ran_on, accelerator=named)

    def networks_beside(self) -> dict[str, Runtime | None]:
        """The runtimes of the networks beside the classifier, by role; None where it has none."""
        return {"novelty": self.novelty.runtime if self.novelty else None}

    def close(self) -> None:
        """Frees its networks; may be called twice."""
        self.runtime.close()
        if self.novelty:
            self.novelty.runtime.close()
