"""The log of who did what, each line chained to the one before: what is changed later is found.

A line is written in the transaction of what it tells. Rows of decisions carry the number of their
line, so that a log that was cut off is missed by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from edge.store import queries
from edge.store.clinic_schema import AuditRow, digest
from edge.store.records import DEVICE, AuditEntry

if TYPE_CHECKING:
    from edge.store.store import Store

# What the first line names as the one before it.
START = "0" * 64
CLOCK_MOVED_BACK = "clock.moved_back"
# As patterns of SQL.
_NO_CHANGE = ("%.seen", "user.%", "token.%", "outbox.%", "export.%", "backup.%")


def write_entry(
    session: Session,
    at_utc: str,
    by: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Adds a line within the caller's transaction; returns its number.

    Where the clock went back since the last line, a line says so first.
    """
    last = last_entry(session)
    if last is not None and _is_before(at_utc, last.at_utc):
        moved = {"from": last.at_utc, "to": at_utc}
        last = _append(session, last, at_utc, DEVICE, CLOCK_MOVED_BACK, "clock", moved)
    return _append(session, last, at_utc, by, action, subject, dict(detail or {})).number


def last_entry(session: Session) -> AuditRow | None:
    """The newest line; None in an empty log."""
    return session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).first()


def highest_number(session: Session) -> int:
    """The highest number ever given, whether or not its line is still there."""
    query = text("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
    found = session.execute(query).scalar()
    return int(found or 0)


def sha256_of(entry: AuditEntry | AuditRow) -> str:
    """The hash that a line must have."""
    names = ("number", "at_utc", "by", "action", "subject", "detail", "previous_sha256")
    return digest({name: getattr(entry, name) for name in names})


def _append(
    session: Session,
    last: AuditRow | None,
    at_utc: str,
    by: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
) -> AuditRow:
    row = AuditRow(
        number=max(highest_number(session), last.number if last else 0) + 1,
        at_utc=at_utc,
        by=by,
        action=action,
        subject=subject,
        detail=detail,
        previous_sha256=last.sha256 if last else START,
    )
    row.sha256 = sha256_of(row)
    session.add(row)
    session.flush()
    return row


def _is_before(one: str, other: str) -> bool:
    return datetime.fromisoformat(one) < datetime.fromisoformat(other)


class Audit:
    """Reads the log and proves it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def entries(
        self, limit: int = 100, before: int | None = None, subject: str | None = None
    ) -> list[AuditEntry]:
        """A page of lines, newest first; `before` is the last number of the page before."""
        query = select(AuditRow).order_by(AuditRow.number.desc()).limit(queries.bounded(limit))
        if before is not None:
            query = query.where(AuditRow.number < queries.bounded(before))
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        with self._store.session() as session:
            return [row.record() for row in session.scalars(query)]

    def head(self) -> AuditEntry | None:
        """The newest line; written down elsewhere, it proves all lines up to it."""
        found = self.entries(1)
        return found[0] if found else None

    def newest_change(self) -> int:
        """The number of the newest line that tells of anything screened, judged or corrected.

        Who looked at what, who logged in, and what was sent or taken out are no such change.
        """
        query = select(AuditRow.number)
        for action in _NO_CHANGE:
            query = query.where(AuditRow.action.not_like(action))
        with self._store.session() as session:
            return session.scalar(query.order_by(AuditRow.number.desc()).limit(1)) or 0

    def write(self, by: str, action: str, subject: str, detail: Mapping[str, Any]) -> int:
        """A line of its own, for what is stored elsewhere (an export, a backup)."""
        with self._store.session(writes=True) as session:
            return write_entry(session, self._store.now(), by, action, subject, detail)

    def verify(self, head: tuple[int, str] | None = None, newest: int | None = None) -> list[str]:
        """Problems in words, none when the log and what it tells of are whole.

        Args:
            head: number and sha256 of a line, as it was written down elsewhere.
            newest: hold only the decisions of so many newest lines against the log; None for all.
        """
        from edge.store.chain import verify_chain

        return verify_chain(self._store, head, newest)
