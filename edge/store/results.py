"""Results: the machine's is preliminary, a named person's signature makes it final."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from edge.contract.errors import ConflictError, DataError
from edge.store import queries
from edge.store.clinic_schema import ResultRow
from edge.store.decisions import (
    add_preliminary,
    add_result,
    newest_result,
    refuse_signed,
    seal_fields,
)
from edge.store.records import AMENDED, FINAL, PRELIMINARY, RUNNING, VERDICTS, Result
from edge.store.specimens import claim
from edge.store.text_rules import check_choice, check_name, check_note

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from edge.store.schema import SpecimenRow
    from edge.store.store import Store


class Results:
    """The versions of each specimen's result; every one is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def preliminary(self, specimen_id: str, report: dict[str, Any]) -> Result:
        """Stores the machine's result; `Store.finish_specimen` has done so for its report.

        Raises:
            NotFoundError: no such specimen.
            ConflictError: a person signed the result already.
            DataError: the report has no verdict.
        """
        _check_report(report)
        with self._store.session(writes=True) as session:
            specimen = queries.get_specimen(session, specimen_id)
            specimen.version += 1
            specimen.report = report
            return add_preliminary(session, self._store.now(), specimen, report).record()

    def sign(
        self,
        specimen_id: str,
        by: str,
        *,
        report: dict[str, Any] | None = None,
        seen_version: int | None = None,
    ) -> Result:
        """Makes the result final.

        Args:
            specimen_id: of a finished specimen.
            by: who answers for it.
            report: what reviews and tallies made of it; None signs the machine's as it is.
            seen_version: the specimen's version on the page; None asks for no check.

        Raises:
            NotFoundError: no such specimen.
            ConflictError: it is still screened, was changed since, or is signed already.
            DataError: no name, or a report without a verdict.
        """
        by = check_name(by, "name of who signs")
        with self._store.session(writes=True) as session:
            specimen, newest = self._of(session, specimen_id)
            refuse_signed(specimen)
            seal_fields(session, self._store.now(), specimen_id, by)
            content = newest.report if report is None else report
            return self._add(session, specimen, FINAL, content, by, "", seen_version)

    def amend(
        self,
        specimen_id: str,
        by: str,
        reason: str,
        *,
        report: dict[str, Any] | None = None,
        seen_version: int | None = None,
    ) -> Result:
        """Changes a signed result; what it was stays in the history.

        Raises:
            NotFoundError: no such specimen.
            ConflictError: it is not signed yet, or was changed since.
            DataError: no name, no reason, or a report without a verdict.
        """
        by, reason = check_name(by, "name of who amends"), check_note(reason, "reason").strip()
        if not reason:
            raise DataError("an amendment needs a reason; say why the result is changed")
        with self._store.session(writes=True) as session:
            specimen, newest = self._of(session, specimen_id)
            if newest.status == PRELIMINARY:
                raise ConflictError(
                    f"the result of specimen {specimen_id} is not signed yet; sign it instead"
                )
            content = newest.report if report is None else report
            return self._add(session, specimen, AMENDED, content, by, reason, seen_version)

    def current(self, specimen_id: str) -> Result | None:
        """The result in force, None while there is none. Raises NotFoundError."""
        with self._store.session() as session:
            queries.get_specimen(session, specimen_id)
            row = newest_result(session, specimen_id)
            return row.record() if row else None

    def current_of(self, specimen_ids: Sequence[str]) -> dict[str, Result]:
        """The results in force of several specimens by id; those without one are left out."""
        newest = (
            select(ResultRow.specimen_id, func.max(ResultRow.version).label("version"))
            .where(ResultRow.specimen_id.in_(specimen_ids))
            .group_by(ResultRow.specimen_id)
            .subquery()
        )
        query = select(ResultRow).join(
            newest,
            and_(
                ResultRow.specimen_id == newest.c.specimen_id,
                ResultRow.version == newest.c.version,
            ),
        )
        with self._store.session() as session:
            return {row.specimen_id: row.record() for row in session.scalars(query)}

    def history(self, specimen_id: str) -> list[Result]:
        """All versions, oldest first. Raises NotFoundError."""
        query = select(ResultRow).where(ResultRow.specimen_id == specimen_id)
        with self._store.session() as session:
            queries.get_specimen(session, specimen_id)
            return [row.record() for row in session.scalars(query.order_by(ResultRow.version))]

    def of_machine_and_persons(self, specimen_id: str) -> list[Result]:
        """The machine's first result and those that a person signed, oldest first.

        A preliminary one after that says the same of corrected details.

        Raises:
            NotFoundError: no such specimen.
        """
        found = self.history(specimen_id)
        return [one for one in found if one.version == 1 or one.status != PRELIMINARY]

    def _of(self, session: Session, specimen_id: str) -> tuple[SpecimenRow, ResultRow]:
        specimen = queries.get_specimen(session, specimen_id)
        newest = newest_result(session, specimen_id)
        if specimen.status == RUNNING or newest is None:
            raise ConflictError(f"specimen {specimen_id} is still being screened; wait or stop it")
        return specimen, newest

    def _add(
        self,
        session: Session,
        specimen: SpecimenRow,
        status: str,
        report: dict[str, Any],
        by: str,
        reason: str,
        seen_version: int | None,
    ) -> Result:
        _check_report(report)
        claim(specimen, seen_version)
        now = self._store.now()
        return add_result(session, now, specimen, status, report, by, reason).record()


def _check_report(report: dict[str, Any]) -> None:
    check_choice(str(report.get("verdict")), VERDICTS, "verdict")
