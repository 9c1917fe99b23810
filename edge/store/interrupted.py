"""What a power cut leaves of a specimen, made safe: its verdict is never negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.contract.labels import GAMETOCYTE, STAGES
from edge.contract.types import RanOn, SlideReport
from edge.store.schema import FieldRow

WHY = "the program stopped before the specimen was finished (power cut?); screen the slide again"
_UNKNOWN = RanOn("", "", "", "", False, 0)


def report_of_fields(fields: Sequence[FieldRow]) -> dict[str, Any]:
    """An inconclusive report with the counts of the fields that were stored.

    What only the finished report knows (interval, protocol, what it ran on) stays empty.
    """
    usable = [field for field in fields if field.usable]
    rbc_count = sum(field.rbc_count for field in usable)
    positive_count = sum(field.positive_count for field in usable)
    stage_counts = _sum_stages(usable)
    report = SlideReport(
        verdict="inconclusive",
        why=WHY,
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
        return report
    return report | {"verdict": "inconclusive", "why": why}
