"""What waits for a person: slides to be screened, cells to be reviewed, results to be signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from edge.contract.labels import CELL_LABELS, is_infected
from edge.store import queries
from edge.store.clinic_schema import ReviewRow, WorklistRow
from edge.store.records import MALARIA, PRELIMINARY, RUNNING
from edge.store.reopened import MAY_GO_ON
from edge.store.schema import SpecimenRow, SuspectCellRow

if TYPE_CHECKING:
    from edge.store.store import Store

# Results that nobody signs pile up; the newest of them are work, the others a matter of the past.
AT_MOST = 200
_SHOWN = ("specimen_id", "label", "task", "started_utc", "verdict", "status", "sequence")
_INFECTED = tuple(label for label in CELL_LABELS if is_infected(label))


@dataclass(frozen=True)
class Unsigned:
    """A specimen with a result that nobody has signed; its report is not read.

    Attributes:
        verdict: of the machine.
        status: how its screening ended.
        suspects: its suspect cells.
        reviewed: of them those that a person has judged.
        confirmed: of them those that one found infected.
    """

    specimen_id: str
    label: str
    task: str
    started_utc: str
    verdict: str
    status: str
    sequence: int
    suspects: int = 0
    reviewed: int = 0
    confirmed: int = 0

    @property
    def broke_off(self) -> bool:
        """It ended before its time, and may go on."""
        return self.status in MAY_GO_ON and self.task == MALARIA

    @property
    def to_review(self) -> bool:
        """Cells wait, and no parasite was seen that would make the others needless."""
        return not self.broke_off and self.reviewed < self.suspects and not self.confirmed


def unsigned(store: Store, limit: int = AT_MOST) -> list[Unsigned]:
    """The newest specimens that wait for a signature; suspected ones first, then the oldest."""
    query = (
        select(*(getattr(SpecimenRow, name) for name in _SHOWN))
        .where(SpecimenRow.result_status == PRELIMINARY, SpecimenRow.status != RUNNING)
        .order_by(SpecimenRow.sequence.desc())
        .limit(queries.bounded(limit))
    )
    with store.session() as session:
        rows = session.execute(query).all()
        counts = _counts(session, [row.specimen_id for row in rows])
    found = [_unsigned(dict(row._mapping), counts.get(row.specimen_id, (0, 0, 0))) for row in rows]
    return sorted(found, key=lambda one: (one.verdict != "positive", one.sequence))


def _unsigned(columns: dict[str, Any], counts: tuple[int, int, int]) -> Unsigned:
    suspects, reviewed, confirmed = counts
    return Unsigned(**columns, suspects=suspects, reviewed=reviewed, confirmed=confirmed)


def expected_count(store: Store) -> int:
    """Slides of the worklist that were not screened yet."""
    query = select(func.count()).where(WorklistRow.specimen_id.is_(None))
    with store.session() as session:
        return session.scalar(query) or 0


def _counts(session: Session, specimen_ids: list[str]) -> dict[str, tuple[int, int, int]]:
    """Suspect, reviewed and confirmed cells of each specimen that has any."""
    confirmed = ReviewRow.label.in_(_INFECTED)
    query = (
        select(
            SuspectCellRow.specimen_id,
            func.count(distinct(SuspectCellRow.cell_id)),
            func.count(distinct(ReviewRow.cell_id)),
            func.count(distinct(ReviewRow.cell_id)).filter(confirmed),
        )
        .outerjoin(ReviewRow, ReviewRow.cell_id == SuspectCellRow.cell_id)
        .where(SuspectCellRow.specimen_id.in_(specimen_ids))
        .group_by(SuspectCellRow.specimen_id)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in session.execute(query)}
