"""Puts into the queue what a target has not got yet. What is queued twice is there once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from edge.contract.errors import (
    ConfigError,
    DataError,
    RuntimeUnavailableError,
    StoreError,
)
from edge.interop import dhis2_counts, dicom, fhir
from edge.interop.cases import next_month, read_case
from edge.interop.dhis2_tracker import tracker_payload
from edge.interop.settings import InteropSettings
from edge.store.clinic_schema import OutboxRow, ResultRow
from edge.store.outbox import Outbox
from edge.store.records import MALARIA, PRELIMINARY, UNSENT, OutboxItem
from edge.store.schema import FieldRow, SpecimenRow
from edge.store.store import Store
from edge.sync.settings import ALL, DHIS2, DICOM, DICOMWEB, FHIR, FLEET, SyncSettings, Target

FHIR_KIND, EVENT_KIND, COUNTS_KIND, IMAGE_KIND = "fhir", "dhis2-event", "dhis2", "dicom"
AT_ONCE = 200


def queue_missing(
    store: Store, sync: SyncSettings, interop: InteropSettings, problems: list[str]
) -> int:
    """Queues results and counts that a target has not got, at most AT_ONCE results of each.

    What cannot be queued (a damaged image) is told in `problems`, and keeps nothing else waiting.

    Returns:
        how many items were added.
    """
    added = 0
    for target in sync.targets:
        if target.kind == FLEET:
            added += _queue_inventory(store, target, problems)
            continue
        if target.kind == DHIS2:
            try:
                added += _queue_months(store, target, sync.months, interop)
            except (ConfigError, StoreError) as error:
                problems.append(f"{target.name}, counts: {error}")
            if not interop.dhis2.program:
                continue
        added += _queue_results(store, target, interop, problems)
    return added


def _queue_inventory(store: Store, target: Target, problems: list[str]) -> int:
    from edge.fleet.reporting import queue_inventory  # few sites have such a server

    try:
        return int(queue_inventory(store, target.name))
    except (ConfigError, DataError, StoreError) as error:
        problems.append(f"{target.name}, inventory: {error}")
        return 0


def _queue_results(
    store: Store, target: Target, interop: InteropSettings, problems: list[str]
) -> int:
    added = 0
    for specimen_id, version in _missing(store, target):
        try:
            queue_result(store, target, specimen_id, version, interop)
        except (DataError, StoreError, ConfigError, RuntimeUnavailableError) as error:
            problems.append(f"{target.name}, {specimen_id}: {error}")
            continue
        added += 1
        if added == AT_ONCE:
            break
    return added


def queue_result(
    store: Store, target: Target, specimen_id: str, version: int, interop: InteropSettings
) -> OutboxItem:
    """Queues one version of a result for a target.

    Raises:
        NotFoundError: no such specimen, or a PACS is to have one without an image.
        DataError: no such version.
        StoreError: an image of it is damaged.
        ConfigError: DHIS2 is to have an event, and no program is named.
    """
    case, outbox = read_case(store, specimen_id, version), Outbox(store)
    if target.kind == FHIR:
        payload = fhir.bundle_bytes(fhir.result_bundle(case, interop))
        return outbox.add(target.name, FHIR_KIND, specimen_id, version, payload)
    if target.kind == DHIS2:
        payload = dhis2_counts.value_set_bytes(tracker_payload(case, interop))
        return outbox.add(target.name, EVENT_KIND, specimen_id, version, payload)
    payload = dicom.captures_zip(store, case, interop)
    return outbox.add(target.name, IMAGE_KIND, specimen_id, version, payload, ".zip")


def _missing(store: Store, target: Target) -> list[tuple[str, int]]:
    """Newest results that were never queued for a target, oldest first."""
    newest = (
        select(ResultRow.specimen_id, func.max(ResultRow.version).label("version"))
        .group_by(ResultRow.specimen_id)
        .subquery()
    )
    queued = (
        select(OutboxRow.item_id)
        .where(
            OutboxRow.target == target.name,
            OutboxRow.specimen_id == ResultRow.specimen_id,
            OutboxRow.version == ResultRow.version,
        )
        .exists()
    )
    query = (
        select(ResultRow.specimen_id, ResultRow.version)
        .join(
            newest,
            (newest.c.specimen_id == ResultRow.specimen_id)
            & (newest.c.version == ResultRow.version),
        )
        .where(~queued)
        .order_by(ResultRow.at_utc, ResultRow.specimen_id)
    )
    if target.send != ALL or target.kind == DHIS2:
        query = query.where(ResultRow.status != PRELIMINARY)
    if target.kind == DHIS2:
        of_malaria = select(SpecimenRow.specimen_id).where(SpecimenRow.task == MALARIA)
        query = query.where(ResultRow.specimen_id.in_(of_malaria))
    if target.since:
        query = query.where(ResultRow.at_utc >= target.since)
    if target.kind in (DICOM, DICOMWEB):
        pictured = select(FieldRow.specimen_id).where(
            FieldRow.specimen_id == ResultRow.specimen_id,
            FieldRow.image_file.is_not(None),
            FieldRow.usable,
        )
        query = query.where(pictured.exists())
    with store.session() as session:
        return [(str(one), int(version)) for one, version in session.execute(query)]


def _queue_months(store: Store, target: Target, months: int, interop: InteropSettings) -> int:
    added, outbox = 0, Outbox(store)
    earlier = outbox.of_specimen("")
    for month in _last_months(store.now(), months):
        counts = dhis2_counts.count_month(store, month)
        kind = f"{COUNTS_KIND}-{month}"
        versions = [one for one in earlier if (one.target, one.kind) == (target.name, kind)]
        newest = versions[-1] if versions else None
        content = dhis2_counts.data_value_set(month, counts, interop.dhis2)
        taken = [one for one in versions if one.state != UNSENT]
        if taken:
            dhis2_counts.add_zeros(content, outbox.payload(taken[-1]))
        payload = dhis2_counts.value_set_bytes(content)
        if not content["dataValues"] or (newest and outbox.payload(newest) == payload):
            continue
        outbox.add(target.name, kind, "", newest.version + 1 if newest else 1, payload)
        added += 1
    return added


def _last_months(now: str, count: int) -> list[str]:
    """Oldest first, this one last."""
    today = datetime.fromisoformat(now)
    first = today.year * 12 + today.month - count
    month = f"{first // 12}-{first % 12 + 1:02d}"
    found = [month]
    while len(found) < count:
        found.append(next_month(found[-1]))
    return found
