"""Which cells go to a reviewer: no single label fits, or the two networks differ. Pure.

A call stands as it is; the flag asks a person to look. So that the page stays readable, no more
than a stated share of a specimen's cells is flagged: those nearest to the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.contract.labels import is_infected
from edge.contract.reference import UncertainBand
from edge.contract.types import CellCall, F32Array


@dataclass(frozen=True)
class Flagged:
    """What one specimen has so far: whole red cells, and how many of them are uncertain."""

    cells: int = 0
    uncertain: int = 0

    def allowance(self, more_cells: int, most_share: float) -> int:
        """Cells that may still be flagged once a field with `more_cells` is read."""
        return max(0, math.floor(most_share * (self.cells + more_cells)) - self.uncertain)

    def add(self, calls: Sequence[CellCall]) -> Flagged:
        """With one more field."""
        return Flagged(
            self.cells + sum(call.counted for call in calls),
            self.uncertain + sum(call.uncertain for call in calls),
        )

    def without(self, other: Flagged) -> Flagged:
        """Less those of a field that does not count any more."""
        return Flagged(self.cells - other.cells, self.uncertain - other.uncertain)


NONE_FLAGGED = Flagged()


def is_certain(logit: float, band: UncertainBand, *, infected: bool) -> bool:
    """Whether the set of labels that fit a cell holds the one called, and no other."""
    may_be_healthy = logit <= band.healthy_high
    may_be_infected = logit >= band.infected_low
    return (may_be_healthy, may_be_infected) == (not infected, infected)


def mark_uncertain(
    calls: Sequence[CellCall],
    logits: F32Array,
    threshold_logit: float,
    band: UncertainBand,
    before: Flagged,
) -> tuple[CellCall, ...]:
    """Flags the most uncertain whole red cells of a field.

    Args:
        calls: of all objects of the field.
        logits: (N,) of those that were scored, the red cells, in the same order.
        threshold_logit: that cells are called at.
        before: of the specimen's earlier fields.
    """
    scored = [index for index, call in enumerate(calls) if call.box.kind == "rbc"]
    open_ones = [
        (abs(float(logit) - threshold_logit), index)
        for index, logit in zip(scored, logits, strict=True)
        if calls[index].counted and _is_open(calls[index], float(logit), band)
    ]
    allowed = before.allowance(sum(call.counted for call in calls), band.most_share)
    flagged = {index for _, index in sorted(open_ones)[:allowed]}
    return tuple(
        replace(call, uncertain=True) if index in flagged else call
        for index, call in enumerate(calls)
    )


def _is_open(call: CellCall, logit: float, band: UncertainBand) -> bool:
    return call.disagrees or not is_certain(logit, band, infected=is_infected(call.label))
