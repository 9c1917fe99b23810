"""What people said of a specimen's suspect cells, and what the count is with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.contract.labels import GAMETOCYTE, NON_RBC, STAGES, is_infected
from edge.contract.types import SlideReport

if TYPE_CHECKING:
    from edge.store.records import FieldRecord, Review, SuspectCellRecord


@dataclass(frozen=True)
class JudgedCell:
    """A suspect cell, and what a person said of it.

    Attributes:
        label: the machine's.
        counted: a whole red cell, so part of the count.
        judged: the person's label; None where none has looked.
    """

    label: str
    counted: bool
    judged: str | None = None

    @property
    def suspected(self) -> bool:
        """The machine called it infected."""
        return is_infected(self.label)

    @property
    def confirmed(self) -> bool:
        """A person called it infected, whatever the machine did."""
        return self.judged is not None and is_infected(self.judged)

    @property
    def stage(self) -> str:
        """The person's label, else the machine's."""
        return self.label if self.judged is None else self.judged


def judged_cells(
    suspects: Iterable[SuspectCellRecord], fields: Iterable[FieldRecord], reviews: Iterable[Review]
) -> tuple[JudgedCell, ...]:
    """Stored suspect cells with the newest review of each.

    Args:
        suspects: all of the specimen.
        fields: of the specimen; their cells say which were counted. In a record from before that
            was kept, a cell that was not refused is taken as counted.
        reviews: in the order in which they were made.
    """
    suspects = tuple(suspects)
    asked = {(cell.left_px, cell.top_px) for cell in suspects}
    counted = {
        (field.index, cell["left_px"], cell["top_px"]): cell["counted"]
        for field in fields
        for cell in field.cells
        if (cell["left_px"], cell["top_px"]) in asked and "counted" in cell
    }
    said = {review.cell_id: review.label for review in reviews}
    return tuple(
        JudgedCell(
            cell.label,
            counted.get((cell.field_index, cell.left_px, cell.top_px), not cell.refused),
            said.get(cell.cell_id),
        )
        for cell in suspects
    )


@dataclass(frozen=True)
class Calls:
    """Whole red cells by who called them infected.

    Attributes:
        confirmed: the machine, and a person agreed.
        found: a person alone.
        waiting: the machine; no person has judged them.
    """

    confirmed: int
    found: int
    waiting: int

    @property
    def total(self) -> int:
        """All that stand as infected."""
        return self.confirmed + self.found + self.waiting


@dataclass(frozen=True)
class ReviewedCounts:
    """What the count is once persons have judged some or all of its suspect cells.

    Attributes:
        rbc_count: whole red cells, without those that a person found to be none.
        calls: of the count, of any stage; `gametocytes` are those among them.
        rejected: suspect cells that a person found not infected.
        uncounted_confirmed: infected, but not of the count (cut by an edge, unlike any red cell).
        uncounted_waiting: suspects of that kind that none has judged.
        stages: of the count by stage.
        stages_told: by a network or a person; else all gametocytes are unknown.
    """

    rbc_count: int
    calls: Calls
    gametocytes: Calls
    rejected: int
    uncounted_confirmed: int
    uncounted_waiting: int
    stages: dict[str, int]
    stages_told: bool

    @property
    def asexual(self) -> Calls:
        """What counts toward density: all but the gametocytes."""
        return Calls(
            self.calls.confirmed - self.gametocytes.confirmed,
            self.calls.found - self.gametocytes.found,
            self.calls.waiting - self.gametocytes.waiting,
        )

    @property
    def confirmed(self) -> int:
        """Parasites that a person saw, of the count or not."""
        return self.calls.confirmed + self.calls.found + self.uncounted_confirmed

    @property
    def reviewed(self) -> int:
        """Cells that a person judged."""
        return self.confirmed + self.rejected

    @property
    def waiting(self) -> int:
        """Suspect cells that no person has judged."""
        return self.calls.waiting + self.uncounted_waiting


def count_reviewed(report: SlideReport, cells: Sequence[JudgedCell]) -> ReviewedCounts:
    """The machine's count with what people said of its cells.

    A suspect of the report that is not among `cells` waits for its review.
    """
    counted = [cell for cell in cells if cell.counted]
    confirmed = [cell for cell in counted if cell.confirmed and cell.suspected]
    found = [cell for cell in counted if cell.confirmed and not cell.suspected]
    waiting = [cell for cell in counted if cell.judged is None and cell.suspected]
    suspects = sum(cell.suspected for cell in counted)
    unseen = max(report.positive_count - suspects, 0)
    stages = [cell.stage for cell in (*confirmed, *found, *waiting)]
    return ReviewedCounts(
        rbc_count=max(report.rbc_count - sum(cell.judged in NON_RBC for cell in counted), 0),
        calls=Calls(len(confirmed), len(found), len(waiting) + unseen),
        gametocytes=Calls(
            *(
                sum(cell.stage == GAMETOCYTE for cell in group)
                for group in (confirmed, found, waiting)
            )
        ),
        rejected=sum(cell.judged is not None and not cell.confirmed for cell in cells),
        uncounted_confirmed=sum(cell.confirmed for cell in cells if not cell.counted),
        uncounted_waiting=_uncounted_waiting(report, cells),
        stages={stage: stages.count(stage) for stage in STAGES},
        stages_told=report.gametocyte_count is not None
        or any(cell.judged in STAGES for cell in cells),
    )


def _uncounted_waiting(report: SlideReport, cells: Sequence[JudgedCell]) -> int:
    suspects = [cell for cell in cells if cell.suspected and not cell.counted]
    unseen = max(report.uncounted_suspect_count - len(suspects), 0)
    return sum(cell.judged is None for cell in suspects) + unseen
