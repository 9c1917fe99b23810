"""What has been counted of one specimen, field by field. Pure; what it means is `protocol`'s."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from edge.contract.labels import STAGES, is_infected
from edge.contract.types import FieldResult


@dataclass(frozen=True)
class Tally:
    """What has been counted of one specimen; add fields to it one by one.

    Attributes:
        reasons: of the refused fields, one each.
        uncounted_suspects: cells that look infected but are not counted: cut by a field's edge,
            or refused as no red cell.
        disagreement_count: cells that one of the two networks alone suspects.
        refused_cell_count: objects that were refused as no red cell.
        stage_counts: whole red cells by the stage named, all four of them; 0 where none was.
    """

    rbc_count: int = 0
    positive_count: int = 0
    fields_read: int = 0
    fields_refused: int = 0
    reasons: tuple[str, ...] = ()
    uncounted_suspects: int = 0
    disagreement_count: int = 0
    refused_cell_count: int = 0
    stage_counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))

    def add(self, result: FieldResult) -> Tally:
        """The tally with one more field; a refused field adds its reason and no cell."""
        if not result.quality.usable:
            reasons = (*self.reasons, result.quality.reason)
            return replace(self, fields_refused=self.fields_refused + 1, reasons=reasons)
        positive = count_positive(result)
        suspects = sum(is_infected(cell.label) for cell in result.cells)
        stages = count_stages(result)
        return replace(
            self,
            rbc_count=self.rbc_count + result.rbc_count,
            positive_count=self.positive_count + positive,
            fields_read=self.fields_read + 1,
            uncounted_suspects=self.uncounted_suspects + suspects - positive,
            disagreement_count=self.disagreement_count + count_disagreements(result),
            refused_cell_count=self.refused_cell_count + count_refused(result),
            stage_counts={name: n + stages[name] for name, n in self.stage_counts.items()},
        )

    def join(self, other: Tally) -> Tally:
        """The counts of both, the other's after this one's."""
        stages = {name: n + other.stage_counts[name] for name, n in self.stage_counts.items()}
        added = {
            name: getattr(self, name) + getattr(other, name)
            for name in vars(self)
            if name != "stage_counts"
        }
        return Tally(**added, stage_counts=stages)


def count_positive(result: FieldResult) -> int:
    """Whole red cells of a field that were called infected."""
    return sum(cell.counted and is_infected(cell.label) for cell in result.cells)


def count_stages(result: FieldResult) -> dict[str, int]:
    """Whole red cells of a field by the stage named, all four; 0 where none was."""
    called = [cell.label for cell in result.cells if cell.counted]
    return {stage: called.count(stage) for stage in STAGES}


def count_disagreements(result: FieldResult) -> int:
    """Cells of a field that one of the two networks alone suspects."""
    return sum(cell.disagrees for cell in result.cells)


def count_refused(result: FieldResult) -> int:
    """Objects of a field that were refused as no red cell."""
    return sum(bool(cell.refused) for cell in result.cells)


def tally_fields(results: Iterable[FieldResult]) -> Tally:
    """The tally of many fields."""
    tally = Tally()
    for result in results:
        tally = tally.add(result)
    return tally
