"""The observations of a result: presence, parasitaemia, density, stages, and persons' counts."""

from __future__ import annotations

from typing import Any

from edge.contract.types import SlideReport
from edge.interop import fhir_codes as codes
from edge.interop.cases import Case
from edge.store.records import MALARIA

Observation = dict[str, Any]


def observations(case: Case, report: SlideReport, local: str) -> list[tuple[str, Observation]]:
    """What was found, each with a name of its own; `local` is the system of local codes.

    Values alone: subject, specimen, device, status and times are the caller's. What an amendment
    has no value of any more is told as absent, or the server would keep what it was.
    """
    if case.specimen.task != MALARIA:
        return [("call", _call(report, local))]
    found = [
        ("presence", _presence(report)),
        ("parasitaemia", _parasitaemia(report, local)),
        ("density", _density(report, local)),
        ("stages", _stages(report, local)),
    ]
    for number, person in enumerate(report.person_counts, 1):
        found.append((f"person-{number}", _person(person, local)))
    return found


def by_a_person(name: str) -> bool:
    """A count that the machine had no part in, so that it asserts nothing of it."""
    return name.startswith("person-")


def _presence(report: SlideReport) -> Observation:
    found: Observation = {"code": codes.concept(codes.LOINC, codes.PRESENCE)}
    return found | _verdict(report) | {"note": [{"text": _ran(report)}]}


def _call(report: SlideReport, local: str) -> Observation:
    found: Observation = {"code": codes.concept(local, codes.CHEST_CALL)}
    parts: list[Observation] = []
    if report.finding:
        parts.append(
            {
                "code": codes.concept(local, codes.CHEST_FINDING),
                "valueCodeableConcept": codes.concept(local, (report.finding, report.finding)),
            }
        )
    if report.finding_score is not None:
        parts.append(
            _part(local, codes.CHEST_SCORE, codes.quantity(report.finding_score, "1", "1"))
        )
    told = (
        f"{_what_ran(report)} {report.fields_read} pictures were read, {report.fields_refused} "
        "refused."
    )
    found |= _verdict(report) | {"note": [{"text": told}]}
    return found | ({"component": parts} if parts else {})


def _verdict(report: SlideReport) -> Observation:
    if report.verdict not in codes.PRESENCE_VALUES:  # refused: nothing was observed
        return _absent(report.why)
    value = codes.concept(codes.SNOMED, codes.PRESENCE_VALUES[report.verdict], report.verdict)
    found: Observation = {"valueCodeableConcept": value}
    if report.verdict in codes.INTERPRETATIONS:
        means = codes.concept(codes.INTERPRETATION, codes.INTERPRETATIONS[report.verdict])
        found["interpretation"] = [means]
    return found


def _absent(why: str) -> Observation:
    return {
        "dataAbsentReason": codes.concept(codes.ABSENT, ("not-performed", "Not Performed"), why)
    }


def _what_ran(report: SlideReport) -> str:
    ran = report.ran_on
    fallback = f"; fallback: {ran.fallback_why or 'yes'}" if ran.fallback else ""
    return f"{ran.bundle_id} on {ran.runtime}, {ran.accelerator}, {ran.threads} threads{fallback}."


def _ran(report: SlideReport) -> str:
    return (
        f"{_what_ran(report)} "
        f"{report.fields_read} fields were read, {report.fields_refused} refused; "
        f"{report.rbc_count} red cells."
    )


def _parasitaemia(report: SlideReport, local: str) -> Observation:
    code = codes.concept(codes.LOINC, codes.PARASITAEMIA)
    if report.parasitaemia_fraction is None:
        return {"code": code} | _absent("nothing was counted")
    return {
        "code": code,
        "valueQuantity": codes.quantity(report.parasitaemia_fraction * 100, "%", "%"),
        "component": [
            *_interval(report.ci_low, report.ci_high, local, 100, "%", "%"),
            _part(local, codes.RBC_COUNT, codes.quantity(report.rbc_count, "cells", "{cells}")),
        ],
        "note": [{"text": "Corrected for the classifier's errors; 95 % interval."}],
    }


def _density(report: SlideReport, local: str) -> Observation:
    low, high = report.density_low_per_ul, report.density_high_per_ul
    code = codes.concept(local, codes.DENSITY)
    if report.density_per_ul is None:
        return {"code": code} | _absent("no density can be told")
    found: Observation = {
        "code": code,
        "valueQuantity": codes.quantity(report.density_per_ul, "/µL", "/uL"),
        "note": [{"text": " ".join(report.assumptions) or "95 % interval."}],
    }
    parts = _interval(low, high, local, 1, "/µL", "/uL")
    if report.gametocyte_count is not None:
        count = codes.quantity(report.gametocyte_count, "cells", "{cells}")
        parts.append(_part(local, codes.GAMETOCYTES, count))
    return found | ({"component": parts} if parts else {})


def _stages(report: SlideReport, local: str) -> Observation:
    code = codes.concept(codes.LOINC, codes.STAGE)
    if not report.stage_counts:
        return {"code": code} | _absent("stages were not told apart")
    return {
        "code": code,
        "component": [
            _part(local, (f"stage-{stage}", stage), codes.quantity(int(count), "cells", "{cells}"))
            for stage, count in sorted(report.stage_counts.items())
        ],
    }


def _person(person: dict[str, Any], local: str) -> Observation:
    low, high = person.get("density_low_per_ul"), person.get("density_high_per_ul")
    parts = _interval(low, high, local, 1, "/µL", "/uL")
    return {
        "code": codes.concept(local, codes.PERSON_DENSITY),
        "valueQuantity": codes.quantity(float(person["density_per_ul"]), "/µL", "/uL"),
        "performer": [{"display": str(person["by"])}],
        "note": [{"text": f"{person['smear']} smear. {person['assumption']}"}],
        **({"component": parts} if parts else {}),
    }


def _interval(
    low: float | None, high: float | None, local: str, times: float, unit: str, ucum: str
) -> list[Observation]:
    ends = ((codes.CI_LOW, low), (codes.CI_HIGH, high))
    return [
        _part(local, code, codes.quantity(end * times, unit, ucum))
        for code, end in ends
        if end is not None
    ]


def _part(local: str, code: tuple[str, str], value: dict[str, Any]) -> Observation:
    return {"code": codes.concept(local, code), "valueQuantity": value}
