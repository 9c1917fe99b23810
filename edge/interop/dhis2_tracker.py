"""A signed result as an event of DHIS2's tracker, under an id that is always the same."""

from __future__ import annotations

from typing import Any

from edge.contract.errors import ConfigError, ConflictError
from edge.interop.cases import Case
from edge.interop.dhis2_counts import org_unit
from edge.interop.ids import dhis2_uid
from edge.interop.settings import InteropSettings
from edge.store.records import MALARIA

# What can be sent, by the names that `data_elements` of the config gives ids to.
VALUES = (
    "verdict",
    "age_band",
    "sex",
    "parasitaemia_percent",
    "density_per_ul",
    "specimen_id",
    "signed_by",
    "result_status",
)


def tracker_payload(case: Case, settings: InteropSettings) -> dict[str, Any]:
    """The body of `POST /api/tracker`: one event without registration.

    Raises:
        ConfigError: no program is named, no unit, or a value that there is not.
        ConflictError: the result is not signed, or is of no malaria test.
    """
    codes = settings.dhis2
    if not (codes.program and codes.program_stage):
        raise ConfigError(
            "no DHIS2 program is named; set program and program_stage in [interop.dhis2]"
        )
    unknown = sorted(set(codes.data_elements) - set(VALUES))
    if unknown:
        raise ConfigError(f"data_elements names {unknown}; known: {', '.join(VALUES)}")
    if case.specimen.task != MALARIA:
        raise ConflictError(
            f"specimen {case.specimen.specimen_id} is no malaria test; DHIS2 is sent those alone"
        )
    if not case.is_signed:
        raise ConflictError(
            f"the result of specimen {case.specimen.specimen_id} is not signed; DHIS2 is sent "
            "signed ones alone"
        )
    values = _values(case)
    event = {
        "event": dhis2_uid(settings.identifier_base, "event", case.specimen.specimen_id),
        "program": codes.program,
        "programStage": codes.program_stage,
        "orgUnit": org_unit(case.site, codes),
        "occurredAt": (case.specimen.collected_utc or case.specimen.started_utc)[:10],
        "status": "COMPLETED",
        "dataValues": [
            {"dataElement": element, "value": values[name]}
            for name, element in sorted(codes.data_elements.items())
            if values[name]
        ],
    }
    return {"events": [event]}


def _values(case: Case) -> dict[str, str]:
    report, result, patient = case.report, case.result, case.patient
    if report is None or result is None:
        return {}
    share, density = report.parasitaemia_fraction, report.density_per_ul
    return {
        "verdict": report.verdict,
        "age_band": patient.age_band if patient else "unknown",
        "sex": patient.sex if patient else "unknown",
        "parasitaemia_percent": "" if share is None else f"{share * 100:.6g}",
        "density_per_ul": "" if density is None else f"{density:.6g}",
        "specimen_id": case.specimen.specimen_id,
        "signed_by": result.by,
        "result_status": result.status,
    }
