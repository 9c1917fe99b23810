"""What is to be sent, on the disk until its receiver acknowledged it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError, NotFoundError, StoreError
from edge.store import queries
from edge.store.audit import write_entry
from edge.store.clinic_schema import AuditRow, OutboxRow
from edge.store.field_images import check_suffix
from edge.store.files import write_durably
from edge.store.records import DEVICE, SENT, UNSENT, WAITING, OutboxItem
from edge.store.text_rules import check_id

if TYPE_CHECKING:
    from edge.store.store import Store

OUTBOX_FOLDER = "outbox"
# A try that lies further ahead was planned by a clock that has since been set back.
LONGEST_WAIT_S = 86_400
_QUEUED = "outbox.queued"


@dataclass(frozen=True)
class TargetCounts:
    """Of one receiver: how many items wait, are given up, and were acknowledged, and when last."""

    waiting: int = 0
    failed: int = 0
    sent: int = 0
    last_utc: str = ""


class Outbox:
    """A queue of payloads. One is sent until it is acknowledged, and deleted by nobody here."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        target: str,
        kind: str,
        specimen_id: str,
        version: int,
        payload: bytes,
        suffix: str = ".json",
    ) -> OutboxItem:
        """Queues a payload, which is on the disk when this returns.

        Args:
            target: the receiver's name in the config.
            kind: what it is ("fhir", "dicom", "dhis2-2026-11").
            specimen_id: whose result; empty where it is of no single specimen.
            version: of the result.
            payload: what is sent.
            suffix: of its file.

        Returns:
            the item; the one that was there where the same payload was queued before.

        Raises:
            ConflictError: another payload of the same target, kind, specimen and version is there.
            DataError: a name is not allowed.
            StoreError: a suffix is not allowed, or (StorageFullError) there is no room.
        """
        check_id(target, "target")
        check_id(kind, "kind")
        check_suffix(suffix)
        sha256 = hashlib.sha256(payload).hexdigest()
        file = f"{OUTBOX_FOLDER}/{sha256}{suffix}"
        write_durably(self._store.home / file, payload)
        with self._store.session(writes=True) as session:
            row = _find(session, target, kind, specimen_id, version)
            if row is None:
                row = _queue(session, self._store.now(), target, kind, specimen_id, version)
                row.payload_file, row.payload_sha256 = file, sha256
                session.add(row)
                session.flush()
                _log(session, self._store.now(), row, _QUEUED)
            elif row.payload_sha256 != sha256:
                raise ConflictError(
                    f"{kind} of {specimen_id or 'no specimen'} version {version} is queued for "
                    f"{target} with other content; queue it as another version"
                )
            return row.record()

    def item(self, item_id: int) -> OutboxItem:
        """One item. Raises NotFoundError."""
        with self._store.session() as session:
            return _get(session, item_id).record()

    def due(self, limit: int = 50) -> list[OutboxItem]:
        """What is to be sent now, oldest first."""
        now = self._store.now()
        late = _later(now, LONGEST_WAIT_S)
        query = select(OutboxRow).where(
            OutboxRow.state == WAITING,
            or_(OutboxRow.next_try_utc <= now, OutboxRow.next_try_utc > late),
        )
        return self._page(query.order_by(OutboxRow.item_id).limit(queries.bounded(limit)))

    def waiting(self, limit: int = 500, *, tried: bool | None = None) -> list[OutboxItem]:
        """All that is not acknowledged, given up or not, oldest first.

        Args:
            limit: at most so many.
            tried: only what was tried and not taken, or only what was not tried yet.
        """
        query = select(OutboxRow).where(OutboxRow.state != SENT)
        if tried is not None:
            query = query.where(OutboxRow.attempts > 0 if tried else OutboxRow.attempts == 0)
        return self._page(query.order_by(OutboxRow.item_id).limit(queries.bounded(limit)))

    def of_specimen(self, specimen_id: str) -> list[OutboxItem]:
        """All items of a specimen, oldest first."""
        query = select(OutboxRow).where(OutboxRow.specimen_id == specimen_id)
        return self._page(query.order_by(OutboxRow.item_id))

    def counts(self) -> dict[str, int]:
        """How many items are in each state."""
        query = select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
        with self._store.session() as session:
            rows = session.execute(query).all()
        counts = dict.fromkeys((WAITING, SENT, UNSENT), 0)
        counts.update((state, count) for state, count in rows)
        return counts

    def counts_by_target(self) -> dict[str, TargetCounts]:
        """The same of each receiver that anything was queued for."""
        query = select(
            OutboxRow.target,
            func.sum(OutboxRow.state == WAITING),
            func.sum(OutboxRow.state == UNSENT),
            func.sum(OutboxRow.state == SENT),
            func.max(OutboxRow.acknowledged_utc),
        ).group_by(OutboxRow.target)
        with self._store.session() as session:
            return {
                target: TargetCounts(int(waiting), int(failed), int(sent), last or "")
                for target, waiting, failed, sent, last in session.execute(query)
            }

    def waits_since(self) -> str:
        """When the oldest item that waits was queued, as the log has it; empty where none waits."""
        oldest = select(OutboxRow.item_id, OutboxRow.specimen_id).where(OutboxRow.state == WAITING)
        with self._store.session() as session:
            found = session.execute(oldest.order_by(OutboxRow.item_id).limit(1)).first()
            if found is None:
                return ""
            line = select(AuditRow.at_utc).where(
                AuditRow.subject == found.specimen_id,
                AuditRow.action == _QUEUED,
                func.json_extract(AuditRow.detail, "$.item_id") == found.item_id,
            )
            return session.scalar(line.limit(1)) or ""

    def payload(self, item: OutboxItem) -> bytes:
        """What is sent, compared with the hash in the record. Raises StoreError."""
        path = self._store.home / item.payload_file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"payload {path} cannot be read ({error.strerror}); restore a backup"
            ) from error
        if hashlib.sha256(data).hexdigest() != item.payload_sha256:
            raise StoreError(f"payload {path} is damaged; restore a backup")
        return data

    def mark_sent(self, item_id: int) -> OutboxItem:
        """The receiver acknowledged it; said twice, it stays as it is. Raises NotFoundError."""
        with self._store.session(writes=True) as session:
            row = _get(session, item_id)
            if row.state != SENT:
                row.state, row.last_error = SENT, ""
                row.acknowledged_utc = self._store.now()
                _log(session, row.acknowledged_utc, row, "outbox.sent")
            return row.record()

    def mark_failed(self, item_id: int, error: str, retry_in_s: float | None) -> OutboxItem:
        """Sending failed: it waits, or is given up where `retry_in_s` is None.

        Raises:
            NotFoundError: no such item.
            ConflictError: it was acknowledged already.
        """
        with self._store.session(writes=True) as session:
            row = _get(session, item_id)
            if row.state == SENT:
                raise ConflictError(f"item {item_id} of the outbox was acknowledged already")
            now = self._store.now()
            row.attempts += 1
            row.last_error = error[:2000]
            row.state = UNSENT if retry_in_s is None else WAITING
            row.next_try_utc = _later(now, min(retry_in_s or 0, LONGEST_WAIT_S))
            if row.state == UNSENT:  # a try that will be repeated decides nothing
                _log(session, now, row, "outbox.failed", row.last_error)
            return row.record()

    def retry(self, item_id: int, by: str = DEVICE) -> OutboxItem:
        """Puts an item that waits or was given up to be sent at once. Raises NotFoundError."""
        with self._store.session(writes=True) as session:
            row = _get(session, item_id)
            if row.state != SENT:
                row.state, row.next_try_utc = WAITING, self._store.now()
                _log(session, row.next_try_utc, row, "outbox.retried", by=by)
            return row.record()

    def _page(self, query: Select[Any]) -> list[OutboxItem]:
        with self._store.session() as session:
            return [row.record() for row in session.scalars(query)]


def _find(
    session: Session, target: str, kind: str, specimen_id: str, version: int
) -> OutboxRow | None:
    query = select(OutboxRow).where(
        OutboxRow.target == target,
        OutboxRow.kind == kind,
        OutboxRow.specimen_id == specimen_id,
        OutboxRow.version == version,
    )
    return session.scalars(query).first()


def _queue(
    session: Session, now: str, target: str, kind: str, specimen_id: str, version: int
) -> OutboxRow:
    if specimen_id:
        queries.get_specimen(session, specimen_id)
    return OutboxRow(
        target=target,
        kind=kind,
        specimen_id=specimen_id,
        version=version,
        state=WAITING,
        attempts=0,
        next_try_utc=now,
        last_error="",
    )


def _get(session: Session, item_id: int) -> OutboxRow:
    row = session.get(OutboxRow, item_id) if 0 <= item_id <= queries.MAX_INTEGER else None
    if row is None:
        raise NotFoundError(f"no item {item_id} in the outbox")
    return row


def _log(
    session: Session, now: str, row: OutboxRow, action: str, error: str = "", by: str = DEVICE
) -> None:
    told: dict[str, Any] = {
        "item_id": row.item_id,
        "target": row.target,
        "kind": row.kind,
        "version": row.version,
        "payload_sha256": row.payload_sha256,
    }
    if error:
        told["error"] = error
    write_entry(session, now, by, action, row.specimen_id, told)


def _later(now: str, seconds: float) -> str:
    moment = datetime.fromisoformat(now) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds")
