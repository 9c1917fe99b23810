"""Proves the log: what was changed, cut off, put in another order or left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from edge.store import queries
from edge.store.audit import START, highest_number, sha256_of
from edge.store.clinic_schema import (
    APPEND_ONLY,
    AuditRow,
    DecisionRow,
    PersonTallyRow,
    ResultRow,
    ReviewRow,
)
from edge.store.records import DEVICE

if TYPE_CHECKING:
    from edge.store.store import Store

_ADVICE = "restore a backup, and find out who could write the file"
# By what the actions of their lines begin with.
_DECISIONS: dict[str, type[DecisionRow]] = {
    "result.": ResultRow,
    "review.": ReviewRow,
    "tally.": PersonTallyRow,
}
_AT_MOST = 20
_PAGE = 500


def verify_chain(store: Store, head: tuple[int, str] | None = None) -> list[str]:
    """Where the log, or a decision that it tells of, was altered; empty when nothing was.

    Args:
        head: number and sha256 of a line as written down elsewhere, which must be in the log.

    Returns:
        at most 20 problems in words.
    """
    problems: list[str] = []
    with store.session() as session:
        for found in _problems(session, head):
            problems.append(f"{found}; {_ADVICE}")
            if len(problems) == _AT_MOST:
                break
    return problems


def _problems(session: Session, head: tuple[int, str] | None) -> Iterator[str]:
    yield from _missing_triggers(session)
    yield from _broken_links(session)
    if head is not None:
        yield from _wrong_head(session, *head)
    for action, kind in _DECISIONS.items():
        yield from _altered(session, kind)
        yield from _removed(session, kind, action)


def _missing_triggers(session: Session) -> Iterator[str]:
    query = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    there = set(session.scalars(query))
    for table in APPEND_ONLY:
        for change in ("update", "delete", "replace"):
            if f"{table}_no_{change}" not in there:
                yield f"nothing refuses to {change} rows of {table} any more"


def _broken_links(session: Session) -> Iterator[str]:
    number, sha256 = 0, START
    rows = session.scalars(
        select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=_PAGE)
    )
    for row in rows:
        if row.number != number + 1:
            yield f"lines {number + 1} to {row.number - 1} of the audit log are missing"
        elif row.previous_sha256 != sha256:
            yield f"line {row.number} of the audit log does not follow line {number}"
        if sha256_of(row) != row.sha256:
            yield f"line {row.number} of the audit log was altered"
        number, sha256 = row.number, row.sha256
        session.expunge(row)
    highest = highest_number(session)
    if highest > number:
        yield f"the audit log ends at line {number}, and line {highest} was written: it is cut off"


def _wrong_head(session: Session, number: int, sha256: str) -> Iterator[str]:
    row = session.get(AuditRow, queries.bounded(number))
    if row is None:
        yield f"line {number} of the audit log, written down elsewhere, is missing"
    elif row.sha256 != sha256:
        yield f"line {number} of the audit log is not the one that was written down elsewhere"


def _altered(session: Session, kind: type[DecisionRow]) -> Iterator[str]:
    """Decisions that differ from what the log says of them."""
    query = select(kind, AuditRow).outerjoin(AuditRow, AuditRow.number == kind.audit_number)
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


def _removed(session: Session, kind: type[DecisionRow], action: str) -> Iterator[str]:
    """Lines whose decision is gone."""
    query = select(AuditRow.number, AuditRow.subject).outerjoin(
        kind, kind.audit_number == AuditRow.number
    )
    query = query.where(AuditRow.action.startswith(action), kind.audit_number.is_(None))
    for number, subject in session.execute(query):
        yield (
            f"a row of {kind.__tablename__} of specimen {subject}, told by line {number} of the "
            "audit log, is missing"
        )
