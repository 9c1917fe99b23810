"""What a power cut leaves of a specimen, made safe: its verdict is never negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from edge.contract.labels import GAMETOCYTE, STAGES
from edge.contract.types import RanOn, SlideReport
from edge.store import field_images, queries
from edge.store.audit import write_entry
from edge.store.clinic_schema import digest
from edge.store.decisions import add_preliminary
from edge.store.files import disk_errors, remove_temp_files
from edge.store.records import CHEST_XRAY, DEVICE, INTERRUPTED, RUNNING
from edge.store.schema import FieldRow, SpecimenRow

if TYPE_CHECKING:
    from edge.store.store import Store

WHY = "the program stopped before the specimen was finished (power cut?); screen the slide again"
WHY_XRAY = "the program stopped before the pictures were read (power cut?); send them again"
_UNKNOWN = RanOn("", "", "", "", False, 0)


def recover(store: Store) -> int:
    """See `Store.recover`."""
    with disk_errors(store.home, 0):
        remove_temp_files(store.home)
    with store.session(writes=True) as session:
        rows = queries.specimens_with(session, RUNNING)
        for row in rows:
            fields = queries.fields_of(session, row.specimen_id)
            _interrupt(session, store.now(), row, fields)
            named = {field.image_file for field in fields}
            field_images.remove_unnamed(store.home, row.specimen_id, named)
    return len(rows)


def _interrupt(session: Session, now: str, row: SpecimenRow, fields: Sequence[FieldRow]) -> None:
    why = WHY_XRAY if row.task == CHEST_XRAY else WHY
    row.status, row.error = INTERRUPTED, row.error or why
    report = never_negative(row.report or report_of_fields(fields, why), why)
    row.report = report
    add_preliminary(session, now, row, report)
    told = {"verdict": report["verdict"], "report_sha256": digest(report)}
    write_entry(session, now, DEVICE, "specimen.interrupted", row.specimen_id, told)


def report_of_fields(fields: Sequence[FieldRow], why: str = WHY) -> dict[str, Any]:
    """An inconclusive report with the counts of the fields that were stored.

    What only the finished report knows (interval, protocol, what it ran on) stays empty.
    """
    usable = [field for field in fields if field.usable]
    rbc_count = sum(field.rbc_count for field in usable)
    positive_count = sum(field.positive_count for field in usable)
    stage_counts = _sum_stages(usable)
    report = SlideReport(
        verdict="inconclusive",
        why=why,
        rbc_count=rbc_count,
        positive_count=positive_count,
        parasitaemia_fraction=None,
        ci_low=None,
        ci_high=None,
        observed_fraction=positive_count / rbc_count if rbc_count else None,
        fields_read=len(usable),
        fields_refused=len(fields) - len(usable),
        minimum_rbc_count=0,
        protocol="",
        ran_on=_UNKNOWN,
        disagreement_count=sum(field.disagreement_count for field in usable),
        refused_cell_count=sum(field.refused_cell_count for field in usable),
        gametocyte_count=stage_counts.get(GAMETOCYTE),
        stage_counts=stage_counts,
        finished=False,
    )
    return report.to_json()


def _sum_stages(fields: Sequence[FieldRow]) -> dict[str, int]:
    """By stage; empty where a field is among them whose stages were not told apart."""
    counts = [field.stage_counts for field in fields]
    if not counts or None in counts:
        return {}
    return {stage: sum(found[stage] for found in counts if found) for stage in STAGES}


def never_negative(report: dict[str, Any], why: str) -> dict[str, Any]:
    """The report of work that did not come to its end: negative becomes inconclusive."""
    if report["verdict"] != "negative":
        return report | {"finished": False}
    return report | {"verdict": "inconclusive", "why": why, "finished": False}
