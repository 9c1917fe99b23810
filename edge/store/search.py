"""Finds specimens, by page, among a hundred thousand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select

from edge.store import queries
from edge.store.records import SpecimenRecord
from edge.store.schema import SpecimenRow

if TYPE_CHECKING:
    from edge.store.store import Store


@dataclass(frozen=True)
class SpecimenFilter:
    """What is asked for; what is None is not.

    Attributes:
        begins: of the barcode, the label or the patient's id.
        barcode: exactly this one.
        patient_id: exactly this one.
        from_utc: started at or after, ISO 8601 in UTC; a date will do.
        before_utc: started before.
        verdict: of the result in force.
        result_status: PRELIMINARY, FINAL or AMENDED.
        status: of screening (RUNNING, DONE, …).
        has_result: there is one, whatever it says.
    """

    begins: str | None = None
    barcode: str | None = None
    patient_id: str | None = None
    from_utc: str | None = None
    before_utc: str | None = None
    verdict: str | None = None
    result_status: str | None = None
    status: str | None = None
    site: str | None = None
    task: str | None = None
    has_result: bool = False


class Search:
    """Lists of specimens, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self, wanted: SpecimenFilter, limit: int = 50, before: str | None = None
    ) -> list[SpecimenRecord]:
        """A page of what is asked for; `before` is the last id of the page before.

        Raises:
            NotFoundError: no specimen `before`.
        """
        with self._store.session() as session:
            conditions = _conditions(wanted)
            if before is not None:
                last = queries.get_specimen(session, before).sequence
                conditions.append(SpecimenRow.sequence < last)
            # Found in an index first, so that no report is read of what is not shown.
            found = (
                select(SpecimenRow.sequence)
                .where(*conditions)
                .order_by(SpecimenRow.sequence.desc())
                .limit(queries.bounded(limit))
            )
            numbers = session.scalars(found).all()
            rows = session.scalars(
                select(SpecimenRow)
                .where(SpecimenRow.sequence.in_(numbers))
                .order_by(SpecimenRow.sequence.desc())
            )
            return [row.record() for row in rows]

    def by_status(self) -> dict[str, int]:
        """How many specimens are in each state of screening."""
        query = select(SpecimenRow.status, func.count()).group_by(SpecimenRow.status)
        with self._store.session() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def count(self, wanted: SpecimenFilter) -> int:
        """How many there are in all."""
        query = select(func.count()).select_from(SpecimenRow).where(*_conditions(wanted))
        with self._store.session() as session:
            return session.scalar(query) or 0


def _conditions(wanted: SpecimenFilter) -> list[ColumnElement[bool]]:
    equal: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in ("barcode", "patient_id", "verdict", "result_status", "status", "site", "task")
    }
    found = [
        getattr(SpecimenRow, name) == value for name, value in equal.items() if value is not None
    ]
    if wanted.has_result:
        found.append(SpecimenRow.result_status != "")
    if wanted.from_utc is not None:
        found.append(SpecimenRow.started_utc >= wanted.from_utc)
    if wanted.before_utc is not None:
        found.append(SpecimenRow.started_utc < wanted.before_utc)
    if wanted.begins:
        columns = (SpecimenRow.barcode, SpecimenRow.label, SpecimenRow.patient_id)
        matches = [
            select(SpecimenRow.sequence).where(queries.begins_with(column, wanted.begins))
            for column in columns
        ]
        found.append(SpecimenRow.sequence.in_(matches[0].union(*matches[1:])))
    return found
