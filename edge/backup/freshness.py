"""Whether the records are backed up lately enough, by what the log says."""

from __future__ import annotations

from datetime import datetime

from edge.backup.make import SUBJECT
from edge.health import OK, WARNING, Check
from edge.store.audit import Audit
from edge.store.records import AuditEntry
from edge.store.store import Store

WARN_AFTER_DAYS = 7
NAME = "backup age"
_ADVICE = "run `clinicscope backup --to DRIVE --recipient KEY`, or use the page's button"


def last_backup(store: Store) -> AuditEntry | None:
    """The log's line on the newest backup; None where there was none."""
    found = Audit(store).entries(1, subject=SUBJECT)
    return found[0] if found else None


def check_backup(store: Store) -> Check:
    """What was recorded since the last backup is not older than a week."""
    head, last = Audit(store).head(), last_backup(store)
    if head is None:
        return Check(NAME, OK, "nothing is recorded yet")
    if last is None:
        return Check(NAME, WARNING, "these records were never backed up", _ADVICE)
    days = (datetime.fromisoformat(store.now()) - datetime.fromisoformat(last.at_utc)).days
    since = head.number - last.number
    detail = f"the last one was made {days} days ago, at {last.at_utc}; {since:,} changes since"
    if since and days >= WARN_AFTER_DAYS:
        return Check(NAME, WARNING, detail, _ADVICE)
    lost = last.detail.get("lost", 0)
    if lost:
        detail += f"; it lacks {lost} files that the disk had lost"
        return Check(NAME, WARNING, detail, "run `clinicscope doctor --repair --deep`")
    return Check(NAME, OK, detail)
