"""The second opinion: is something in a cell that healthy cells have not, is it a red cell at all.

The network has learned from healthy cells alone, so it may know neither parasite nor stain; what
follows from its answers is decided in `field_calls` and `crops`, whom to ask in `asking`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import Manifest, Novelty, ScoreCalibration
from edge.contract.types import BoolArray, F32Array, U8Array
from edge.runtimes.base import Runtime, Scores
from edge.screening.asking import may_be_foreign, with_sample
from edge.screening.calls import scores_from_logits
from edge.selftest import SelfTest, self_test

# Fewer red cells give no median that a field's logits could be shifted by.
LEAST_CELLS_FOR_MEDIAN = 30
_AS_THEY_ARE = ScoreCalibration()


@dataclass(frozen=True, eq=False)
class Opinion:
    """The second opinion on K crops, float32.

    Attributes:
        novelty: (K,) score, 0 to 1, that something is in the cell that healthy cells have not.
        foreign: (K,) score, 0 to 1, that the crop is no red cell.
        maps: (K,h,w) where the novelty is, in logit units.
        asked: (N,) of which of a field's red cells it is, K of them; None: of all.
    """

    novelty: F32Array
    foreign: F32Array
    maps: F32Array
    asked: BoolArray | None = None

    @cached_property
    def _rows(self) -> tuple[int | None, ...]:
        if self.asked is None:
            return tuple(range(len(self.novelty)))
        rows = iter(range(len(self.novelty)))
        return tuple(next(rows) if is_asked else None for is_asked in self.asked.tolist())

    def row_of(self, cell: int) -> int | None:
        """Where the opinion on the cell of that place is; None where none was asked."""
        return self._rows[cell]


def novelty_of(manifest: Manifest) -> tuple[Novelty, float]:
    """The manifest's section on the novelty network, and the threshold of the novelty score.

    Raises:
        BundleError: the bundle has no such network.
    """
    if manifest.novelty is None or manifest.novelty_threshold is None:
        raise BundleError(f"bundle {manifest.bundle_id} has no novelty network")
    return manifest.novelty, manifest.novelty_threshold


@dataclass(frozen=True, eq=False)
class NoveltyNetwork:
    """A bundle's novelty network on a runtime, proven by its own golden tensors.

    Raises:
        BundleError: the bundle has no such network.
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime

    def __post_init__(self) -> None:
        self.self_test()

    @property
    def settings(self) -> Novelty:
        """The manifest's section on it. Raises BundleError where there is none."""
        return novelty_of(self.bundle.manifest)[0]

    def self_test(self) -> SelfTest:
        """Replays its golden tensors. Raises GoldenMismatchError."""
        return self_test(self.bundle, self.runtime, self.settings.golden)

    def read(self, batch: U8Array) -> Opinion:
        """The opinion on single crops, (N,S,S,3) uint8 RGB as `prepare_crop` gives them."""
        return _opinion(self.runtime.run(batch))

    def read_field(
        self, batch: U8Array, whole: BoolArray, asked: BoolArray | None = None
    ) -> Opinion:
        """The opinion on the cells of one field, held against that field's own healthy majority.

        Args:
            whole: (N,) cells that the frame's edge does not cut; of the others no median is taken.
            asked: (N,) cells that it matters of: they and a sample of the others are read, or all
                where that leaves doubt. None, or a bundle that takes the median: all.
        """
        if asked is None or self.settings.field_median is not None:
            return self._read_all(batch, whole)
        chosen = with_sample(asked)
        if chosen.all():
            return self._read_all(batch, whole)
        opinion = replace(_opinion(self.runtime.run(batch[chosen])), asked=chosen)
        foreign = np.asarray(opinion.foreign >= self.settings.foreign_threshold)
        return self._read_all(batch, whole) if may_be_foreign(foreign, asked, whole) else opinion

    def _read_all(self, batch: U8Array, whole: BoolArray) -> Opinion:
        scores = self.runtime.run(batch)
        red = whole & (_opinion(scores).foreign < self.settings.foreign_threshold)
        return _opinion(scores, self._shift(scores.logits[red, 0]))

    def _shift(self, red_logits: F32Array) -> float:
        """What makes the median logit of a field's red cells that of healthy ones."""
        median = self.settings.field_median
        if median is None or len(red_logits) < LEAST_CELLS_FOR_MEDIAN:
            return 0.0
        return median - float(np.median(red_logits))


def _opinion(scores: Scores, shift: float = 0.0) -> Opinion:
    novelty, foreign = (
        scores_from_logits(logits, _AS_THEY_ARE)
        for logits in (scores.logits[:, 0] + np.float32(shift), scores.logits[:, 1])
    )
    return Opinion(novelty, foreign, scores.cams[..., 0])
