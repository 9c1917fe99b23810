"""The stage of cells that were called infected: ring, trophozoite, schizont, gametocyte.

A bundle of its own names them, beside the one that finds them. It has seen infected cells alone, so
it calls a healthy cell a stage, too: it is asked about called cells only, and changes no count of
them. Without it the cells stay `parasitised`, and the record says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.labels import MALARIA_STAGES, PARASITISED, STAGES, is_infected
from edge.contract.preprocess import Preprocessing
from edge.contract.types import CellCall, U8Array
from edge.runtimes.base import Runtime
from edge.screening.calls import probabilities_from_logits
from edge.selftest import SelfTest, self_test

# A stage is named where it is likelier than all others together. On the out-of-fold scores of the
# 436 stages of iml-fields (train/oof/malaria-stages.npz) that names 97 % of the cells, 89 % of them
# right. They allow no finer choice: the lowest limit with nine of ten named right is .52 on all of
# them, and .25 to .62 when a fifth is left out.
LEAST_PROBABILITY = 0.5
# Gives the cells at these places among a field's red cells, prepared as asked, (N,S,S,3) uint8 RGB.
Prepare = Callable[[Sequence[int], Preprocessing], U8Array]


@dataclass(frozen=True, eq=False)
class StageNetwork:
    """A bundle of stages on a runtime, proven by its golden tensors.

    Raises:
        BundleError: the bundle is not made for stages.
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime

    def __post_init__(self) -> None:
        check_names_stages(self.bundle)
        self.self_test()

    def self_test(self) -> SelfTest:
        """Replays its golden tensors. Raises GoldenMismatchError."""
        return self_test(self.bundle, self.runtime)

    def read(self, batch: U8Array) -> list[str]:
        """A stage for each infected cell, `parasitised` where none is likely enough.

        Args:
            batch: (N,S,S,3) uint8 RGB as `prepare_crop` gives it for this bundle.
        """
        manifest = self.bundle.manifest
        likely = probabilities_from_logits(
            self.runtime.run(batch).logits, manifest.score_calibration
        )
        return [
            manifest.labels[row.argmax()] if row.max() > LEAST_PROBABILITY else PARASITISED
            for row in likely
        ]

    def name(self, calls: Sequence[CellCall], prepare: Prepare) -> tuple[CellCall, ...]:
        """The calls of a field, the infected ones with their stage; what was refused has none.

        Args:
            calls: of all objects of the field.
            prepare: gives cells by their place among the red cells of `calls`.
        """
        red = [at for at, call in enumerate(calls) if call.box.kind == "rbc"]
        asked = [
            place
            for place, at in enumerate(red)
            if is_infected(calls[at].label) and not calls[at].refused
        ]
        named = list(calls)
        if asked:
            labels = self.read(prepare(asked, self.bundle.manifest.preprocessing))
            for place, label in zip(asked, labels, strict=True):
                named[red[place]] = replace(calls[red[place]], label=label)
        return tuple(named)


def check_names_stages(bundle: Bundle) -> None:
    """Raises BundleError where a bundle is not made for stages."""
    manifest = bundle.manifest
    if manifest.task != MALARIA_STAGES or not set(manifest.labels) <= set(STAGES):
        raise BundleError(
            f"bundle {manifest.bundle_id} is for {manifest.task!r} and calls "
            f"{', '.join(manifest.labels)}; stages need {MALARIA_STAGES!r} and "
            f"{', '.join(STAGES)}"
        )
