"""A result as a FHIR R4 transaction that may be sent any number of times and makes one record.

Each resource has an identifier that depends on what it is of alone, and is put by it (a conditional
update), so that the server has it once under an id of its own choice; within the bundle they refer
to each other by UUIDs of version 5. The machine's result is preliminary and marked AIAST; a named
person's is final, or amended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from edge.contract.errors import ConflictError
from edge.contract.types import SlideReport
from edge.interop import fhir_codes as codes
from edge.interop.cases import Case
from edge.interop.fhir_observations import by_a_person, observations
from edge.interop.ids import uuid_of
from edge.interop.settings import InteropSettings
from edge.store.records import MALARIA, Patient, Result

NOTICE = "For research and screening support, not for diagnosis."
Resource = dict[str, Any]
_GENDERS = {"female": "female", "male": "male", "other": "other"}


def result_bundle(case: Case, settings: InteropSettings) -> Resource:
    """The transaction of one result.

    Raises:
        ConflictError: the specimen has no result yet.
    """
    if case.result is None or case.report is None:
        raise ConflictError(
            f"specimen {case.specimen.specimen_id} has no result yet; wait or stop its screening"
        )
    return _Document(case, case.result, case.report, settings).bundle()


def bundle_bytes(bundle: Resource) -> bytes:
    """As it is sent and stored: the same bytes for the same content."""
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def ndjson_lines(cases: Iterable[Case], settings: InteropSettings) -> Iterator[bytes]:
    """A bundle a line; specimens without a result are left out."""
    for case in cases:
        if case.result is not None:
            yield bundle_bytes(result_bundle(case, settings)) + b"\n"


def report_identifier(specimen_id: str, settings: InteropSettings) -> tuple[str, str]:
    """System and value by which a server is asked for a specimen's report."""
    return f"{settings.identifier_base}/report", specimen_id


class _Document:
    """One result's resources, which share subject, specimen, device and status."""

    def __init__(
        self, case: Case, result: Result, report: SlideReport, settings: InteropSettings
    ) -> None:
        self._case, self._result, self._report = case, result, report
        self._base = settings.identifier_base
        self._local = f"{self._base}/codes"
        self._id = case.specimen.specimen_id

    def bundle(self) -> Resource:
        entries = [self._device(), self._specimen()]
        if self._case.patient:
            entries.insert(0, self._patient(self._case.patient))
        found = observations(self._case, self._report, self._local)
        entries += [self._observation(name, values) for name, values in found]
        entries.append(self._diagnostic_report([name for name, _ in found]))
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "timestamp": self._result.at_utc,
            "entry": entries,
        }

    def _entry(self, kind: str, name: str, value: str, content: Resource) -> Resource:
        system = f"{self._base}/{name}"
        resource: Resource = {
            "resourceType": kind,
            "identifier": [{"system": system, "value": value}],
        }
        return {
            "fullUrl": self._reference(name, value)["reference"],
            "resource": resource | content,
            "request": {
                "method": "PUT",
                "url": f"{kind}?identifier={quote(system, safe='')}%7C{quote(value, safe='')}",
            },
        }

    def _reference(self, name: str, value: str) -> Resource:
        return {"reference": f"urn:uuid:{uuid_of(self._base, name, value)}"}

    def _patient(self, patient: Patient) -> Resource:
        content: Resource = {"gender": _GENDERS.get(patient.sex, "unknown")}
        # R4 has no place for an age band on a patient; a birth date would be invented.
        url = f"{self._base}/age-band"
        content["extension"] = [{"url": url, "valueString": patient.age_band}]
        return self._entry("Patient", "patient", patient.patient_id, content)

    def _device(self) -> Resource:
        ran = self._report.ran_on
        content = {
            "deviceName": [{"name": f"ClinicScope {ran.bundle_id}", "type": "model-name"}],
            "version": [{"value": f"sha256:{ran.bundle_sha256}"}],
            "type": {"text": "Screening software with its model bundle"},
        }
        return self._entry("Device", "bundle", ran.bundle_sha256, content)

    def _specimen(self) -> Resource:
        specimen = self._case.specimen
        content: Resource = {"receivedTime": specimen.started_utc} | self._subject()
        if specimen.task == MALARIA:
            content["type"] = codes.concept(codes.SNOMED, ("119297000", "Blood specimen"))
        if specimen.collected_utc:
            content["collection"] = {"collectedDateTime": specimen.collected_utc}
        if specimen.barcode:
            system = f"{self._base}/barcode"
            content["accessionIdentifier"] = {"system": system, "value": specimen.barcode}
        return self._entry("Specimen", "specimen", self._id, content)

    def _observation(self, name: str, values: Resource) -> Resource:
        kind = ("laboratory", "Laboratory")
        if self._case.specimen.task != MALARIA:
            kind = ("imaging", "Imaging")
        asserted = {} if by_a_person(name) else self._asserted()
        category = codes.concept(codes.CATEGORY, kind)
        content: Resource = {"status": self._result.status, "category": [category]}
        content |= self._about()
        if not by_a_person(name):
            content["device"] = self._reference("bundle", self._report.ran_on.bundle_sha256)
        value = f"{self._id}/{name}"
        return self._entry("Observation", "observation", value, asserted | content | values)

    def _diagnostic_report(self, names: list[str]) -> Resource:
        is_malaria = self._case.specimen.task == MALARIA
        what = (codes.LOINC, codes.MALARIA_SMEAR) if is_malaria else (self._local, codes.CHEST_XRAY)
        section = ("LAB", "Laboratory") if is_malaria else ("RAD", "Radiology")
        found = [self._reference("observation", f"{self._id}/{name}") for name in names]
        content: Resource = self._asserted() | {
            "status": self._result.status,
            "code": codes.concept(*what),
            "category": [codes.concept(codes.SECTION, section)],
            "result": found,
            "conclusion": self._conclusion(),
        }
        about = self._about()
        about["specimen"] = [about["specimen"]]  # here, and here alone, there may be several
        if self._case.is_signed:
            content["resultsInterpreter"] = [{"display": self._result.by}]
        return self._entry("DiagnosticReport", "report", self._id, content | about)

    def _conclusion(self) -> str:
        parts = [f"{self._report.verdict.capitalize()}.", self._report.why]
        if self._result.reason:
            parts.append(f"Amended: {self._result.reason}")
        return " ".join([*parts, NOTICE])

    def _asserted(self) -> Resource:
        return {} if self._case.is_signed else {"meta": {"security": [codes.AIAST]}}

    def _subject(self) -> Resource:
        patient = self._case.patient
        return {"subject": self._reference("patient", patient.patient_id)} if patient else {}

    def _about(self) -> Resource:
        specimen = self._case.specimen
        return self._subject() | {
            "specimen": self._reference("specimen", self._id),
            "effectiveDateTime": specimen.collected_utc or specimen.started_utc,
            "issued": self._result.at_utc,
        }
