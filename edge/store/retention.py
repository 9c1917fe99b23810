"""Which images may go when room is short; what was counted, decided and signed stays.

Only images of specimens that a person signed and that every receiver acknowledged may go, and
those of negative ones first.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from edge.contract.errors import StoreError
from edge.store import queries
from edge.store.audit import write_entry
from edge.store.clinic_schema import OutboxRow
from edge.store.decisions import newest_result
from edge.store.field_images import FIELDS_FOLDER
from edge.store.records import AMENDED, DEVICE, FINAL, SENT
from edge.store.retention_rule import RetentionRule
from edge.store.schema import FieldRow, SpecimenRow

if TYPE_CHECKING:
    from edge.store.store import Store

log = logging.getLogger(__name__)

GB = 1024**3
_PAGE = 200


@dataclass(frozen=True)
class Removable:
    """A specimen whose images may go."""

    specimen_id: str
    verdict: str
    started_utc: str
    image_count: int
    image_bytes: int


@dataclass(frozen=True)
class RetentionPlan:
    """What is to go.

    Attributes:
        needed_bytes: how much room is missing.
        removable: what goes, in this order.
        short_bytes: what is still missing after that: a person must free it, by sending, signing
            or a larger disk.
    """

    needed_bytes: int
    removable: tuple[Removable, ...]
    short_bytes: int


def plan_retention(
    store: Store, rule: RetentionRule, free_bytes: int | None = None
) -> RetentionPlan:
    """What the rule removes now; nothing is changed.

    Args:
        store: whose images.
        rule: the site's.
        free_bytes: of the disk; asked of it where None.
    """
    if free_bytes is None:
        free_bytes = shutil.disk_usage(store.home).free
    needed = max(int(rule.free_at_least_gb * GB) - free_bytes, 0)
    if rule.images_at_most_gb:
        taken = sum(path.stat().st_size for path in _images(store.home))
        needed = max(needed, taken - int(rule.images_at_most_gb * GB))
    chosen: dict[str, Removable] = {}
    freed = 0
    if rule.remove_after_days:
        for found in _removable(store, rule, rule.remove_after_days):
            chosen[found.specimen_id] = found
            freed += found.image_bytes
    if freed < needed:
        for found in _removable(store, rule, rule.keep_days):
            if found.specimen_id not in chosen:
                chosen[found.specimen_id] = found
                freed += found.image_bytes
            if freed >= needed:
                break
    return RetentionPlan(needed, tuple(chosen.values()), max(needed - freed, 0))


def apply_retention(store: Store, rule: RetentionRule, plan: RetentionPlan) -> list[Removable]:
    """Removes the images of a plan; what is no longer removable is left out.

    The record says first that they went, so that a power cut leaves files without a record, which
    `doctor --repair` finds, and never a record without its file.

    Returns:
        whose images went.
    """
    done = []
    for item in plan.removable:
        with store.session(writes=True) as session:
            specimen = queries.get_specimen(session, item.specimen_id)
            if not _may_go(session, specimen, rule):
                continue
            files = _forget_images(session, store.now(), specimen)
        for file in files:
            (store.home / file).unlink(missing_ok=True)
        done.append(item)
    return done


def keep_room(store: Store, rule: RetentionRule) -> list[Removable]:
    """Plans and applies the rule; what fails is logged, for work must go on without it."""
    try:
        gone = apply_retention(store, rule, plan_retention(store, rule))
    except (StoreError, OSError) as error:
        log.warning("no room could be made: %s", error)
        return []
    if gone:
        log.info("the images of %d specimens were removed to make room", len(gone))
    return gone


def _forget_images(session: Session, now: str, specimen: SpecimenRow) -> list[str]:
    files = []
    for field in queries.fields_of(session, specimen.specimen_id):
        if field.image_file is not None:
            files.append(field.image_file)
            field.image_file, field.image_gone = None, f"removed on {now[:10]} to make room"
    told = {"images": len(files)}
    write_entry(session, now, DEVICE, "images.removed", specimen.specimen_id, told)
    return files


def _may_go(session: Session, specimen: SpecimenRow, rule: RetentionRule) -> bool:
    """Signed, and acknowledged by all to whom it goes."""
    if specimen.result_status not in (FINAL, AMENDED) or specimen.verdict not in rule.verdicts:
        return False
    items = session.scalars(
        select(OutboxRow).where(OutboxRow.specimen_id == specimen.specimen_id)
    ).all()
    if any(item.state != SENT for item in items):
        return False
    newest = newest_result(session, specimen.specimen_id)
    is_sent = newest is not None and any(item.version == newest.version for item in items)
    return is_sent or not rule.require_sent


def _removable(store: Store, rule: RetentionRule, days: int) -> Iterator[Removable]:
    """By the rule's order of verdicts, each oldest first."""
    limit = datetime.fromisoformat(store.now()) - timedelta(days=days)
    for verdict in rule.verdicts:
        last = 0
        while True:
            with store.session() as session:
                rows = _page(session, verdict, limit.isoformat(timespec="seconds"), last)
                found = [
                    _sized(store.home, session, row) for row in rows if _may_go(session, row, rule)
                ]
            yield from found
            if len(rows) < _PAGE:
                break
            last = rows[-1].sequence


def _page(session: Session, verdict: str, limit: str, last: int) -> list[SpecimenRow]:
    has_image = exists().where(
        FieldRow.specimen_id == SpecimenRow.specimen_id, FieldRow.image_file.is_not(None)
    )
    query = select(SpecimenRow).where(
        SpecimenRow.sequence > last,
        SpecimenRow.verdict == verdict,
        SpecimenRow.result_status.in_((FINAL, AMENDED)),
        SpecimenRow.started_utc < limit,
        has_image,
    )
    return list(session.scalars(query.order_by(SpecimenRow.sequence).limit(_PAGE)))


def _sized(home: Path, session: Session, specimen: SpecimenRow) -> Removable:
    query = select(FieldRow.image_file).where(
        FieldRow.specimen_id == specimen.specimen_id, FieldRow.image_file.is_not(None)
    )
    paths = [home / str(file) for file in session.scalars(query)]
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return Removable(
        specimen.specimen_id,
        str(specimen.verdict),
        specimen.started_utc,
        len(paths),
        sum(sizes),
    )


def _images(home: Path) -> Iterator[Path]:
    return (path for path in (home / FIELDS_FOLDER).glob("*/*") if path.is_file())
