"""Proves the log and what it tells of: what was changed, cut off, left out or put elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from edge.store import queries
from edge.store.account_checks import altered_accounts
from edge.store.audit import START, highest_number, sha256_of
from edge.store.clinic_schema import (
    APPEND_ONLY,
    AuditRow,
    DecisionRow,
    PersonTallyRow,
    ResultRow,
    ReviewRow,
)
from edge.store.decisions import SEALED, digest_fields
from edge.store.records import DEVICE, AuditEntry

if TYPE_CHECKING:
    from edge.store.store import Store

_ADVICE = "restore a backup, and find out who could write the file"
# By what the actions of their lines begin with.
_DECISIONS: dict[str, type[DecisionRow]] = {
    "result.": ResultRow,
    "review.": ReviewRow,
    "tally.": PersonTallyRow,
}
# The newest result is what the specimen is listed by, the newest preliminary one the machine's.
_UNLIKE = text(
    "SELECT specimens.specimen_id FROM specimens "
    "JOIN results AS newest ON newest.specimen_id = specimens.specimen_id AND newest.version = "
    "(SELECT max(version) FROM results WHERE specimen_id = specimens.specimen_id) "
    "JOIN results AS machine ON machine.specimen_id = specimens.specimen_id AND machine.version = "
    "(SELECT max(version) FROM results WHERE specimen_id = specimens.specimen_id "
    "AND status = 'preliminary') "
    "WHERE specimens.result_status IS NOT newest.status "
    "OR specimens.verdict IS NOT json_extract(newest.report, '$.verdict') "
    "OR specimens.report IS NOT machine.report"
)
_AT_MOST = 20
_PAGE = 500


def verify_chain(
    store: Store, head: tuple[int, str] | None = None, newest: int | None = None
) -> list[str]:
    """Where the log, or a decision that it tells of, was altered; empty when nothing was.

    Args:
        head: number and sha256 of a line as written down elsewhere, which must be in the log.
        newest: hold only the decisions of so many newest lines against the log; None for all.

    Returns:
        at most 20 problems in words.
    """
    problems: list[str] = []
    with store.session() as session:
        for found in _problems(session, head, newest):
            problems.append(f"{found}; {_ADVICE}")
            if len(problems) == _AT_MOST:
                break
    return problems


def _problems(session: Session, head: tuple[int, str] | None, newest: int | None) -> Iterator[str]:
    yield from _missing_triggers(session)
    yield from _broken_links(session)
    if head is not None:
        yield from _wrong_head(session, *head)
    first = 0 if newest is None else max(highest_number(session) - newest, 0)
    for action, kind in _DECISIONS.items():
        yield from _altered(session, kind, first)
        yield from _removed(session, kind, action, first)
    yield from altered_accounts(session)
    yield from _unsealed(session, first)
    yield from _unlike_their_result(session)


def _missing_triggers(session: Session) -> Iterator[str]:
    query = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE :refusal")
    there = set(session.scalars(query, {"refusal": "%RAISE(ABORT%"}))
    for table in APPEND_ONLY:
        for change in ("update", "delete", "replace"):
            if f"{table}_no_{change}" not in there:
                yield f"nothing refuses to {change} rows of {table} any more"


def _broken_links(session: Session) -> Iterator[str]:
    number, sha256 = 0, START
    # Columns, not rows that the session remembers: there may be half a million.
    query = select(*(getattr(AuditRow, item.name) for item in fields(AuditEntry)))
    query = query.order_by(AuditRow.number).execution_options(yield_per=_PAGE)
    for values in session.execute(query):
        entry = AuditEntry(*values)
        if entry.number != number + 1:
            yield f"lines {number + 1} to {entry.number - 1} of the audit log are missing"
        elif entry.previous_sha256 != sha256:
            yield f"line {entry.number} of the audit log does not follow line {number}"
        if sha256_of(entry) != entry.sha256:
            yield f"line {entry.number} of the audit log was altered"
        number, sha256 = entry.number, entry.sha256
    highest = highest_number(session)
    if highest > number:
        yield f"the audit log ends at line {number}, and line {highest} was written: it is cut off"


def _wrong_head(session: Session, number: int, sha256: str) -> Iterator[str]:
    row = session.get(AuditRow, queries.bounded(number))
    if row is None:
        yield f"line {number} of the audit log, written down elsewhere, is missing"
    elif row.sha256 != sha256:
        yield f"line {number} of the audit log is not the one that was written down elsewhere"


def _altered(session: Session, kind: type[DecisionRow], first: int) -> Iterator[str]:
    """Decisions that differ from what the log says of them."""
    query = select(kind, AuditRow).outerjoin(AuditRow, AuditRow.number == kind.audit_number)
    query = query.where(or_(kind.audit_number > first, kind.audit_number.is_(None)))
    for row, entry in session.execute(query.execution_options(yield_per=_PAGE)):
        what = f"a row of {kind.__tablename__} of specimen {row.specimen_id}"
        if row.audit_number is None:
            if not _is_older_than_the_log(row):
                yield f"{what} has no line in the audit log"
        elif entry is None:
            yield f"{what} names line {row.audit_number} of the audit log, which is missing"
        elif entry.detail != row.plain():
            yield f"{what} is not what line {entry.number} of the audit log tells"


def _is_older_than_the_log(row: DecisionRow) -> bool:
    return isinstance(row, ResultRow) and row.version == 1 and row.by == DEVICE


def _removed(session: Session, kind: type[DecisionRow], action: str, first: int) -> Iterator[str]:
    """Lines whose decision is gone."""
    query = select(AuditRow.number, AuditRow.subject).outerjoin(
        kind, kind.audit_number == AuditRow.number
    )
    query = query.where(
        AuditRow.number > first,
        AuditRow.action.startswith(action),
        # Who looks at a result decides nothing.
        ~AuditRow.action.endswith(".seen"),
        kind.audit_number.is_(None),
    )
    for number, subject in session.execute(query):
        yield (
            f"a row of {kind.__tablename__} of specimen {subject}, told by line {number} of the "
            "audit log, is missing"
        )


def _unsealed(session: Session, first: int) -> Iterator[str]:
    """Signed specimens whose fields are not those that were signed."""
    query = select(AuditRow.number, AuditRow.subject, AuditRow.detail)
    query = query.where(AuditRow.number > first, AuditRow.action == SEALED)
    for number, specimen_id, told in session.execute(query.execution_options(yield_per=_PAGE)):
        count, sha256 = digest_fields(session, specimen_id)
        if told != {"fields": count, "sha256": sha256}:
            yield (
                f"the fields of specimen {specimen_id} are not those that were signed in line "
                f"{number} of the audit log"
            )


def _unlike_their_result(session: Session) -> Iterator[str]:
    """Specimens whose own row, which lists and pages show, is not as their results are."""
    for specimen_id in session.scalars(_UNLIKE):
        yield f"specimen {specimen_id} is not listed as its results have it"
