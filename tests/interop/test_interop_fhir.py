"""The FHIR documents: valid R4 by two validators, and once at a real server however often sent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from clinic import SETTINGS, make_report, screen
from fhir.resources.R4B.bundle import Bundle
from real_servers import get_json

from edge.contract.errors import ConfigError, ConflictError, DataError
from edge.interop import fhir_codes
from edge.interop.cases import read_case
from edge.interop.fhir import bundle_bytes, result_bundle
from edge.interop.settings import InteropSettings
from edge.store.records import SpecimenDetails
from edge.store.results import Results
from edge.store.store import Store
from edge.sync import to_fhir
from edge.sync.settings import Target


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def build(store: Store, specimen_id: str, version: int | None = None) -> dict[str, Any]:
    return result_bundle(read_case(store, specimen_id, version), SETTINGS)


def code_of(resource: dict[str, Any]) -> str:
    return str(resource["code"]["coding"][0]["code"])


@pytest.mark.parametrize("verdict", ["positive", "negative", "inconclusive", "refused"])
def test_bundle_of_each_verdict_is_valid(store: Store, verdict: str) -> None:
    bundle = build(store, screen(store, verdict))
    Bundle.model_validate(bundle)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Patient", "Device", "Specimen", *["Observation"] * 4, "DiagnosticReport"]
    presence = resources(bundle, "Observation")[0]
    assert code_of(presence) == "51587-4"
    assert ("valueCodeableConcept" in presence) == (verdict != "refused")
    assert ("dataAbsentReason" in presence) == (verdict == "refused")


def test_bundle_without_patient_counts_and_stages_is_valid(store: Store) -> None:
    nothing = {"parasitaemia_fraction": None, "ci_low": None, "ci_high": None}
    absent = {"density_per_ul": None, "rbc_count": 0}
    bundle = build(store, screen(store, "inconclusive", None, **nothing, **absent))
    Bundle.model_validate(bundle)
    assert not resources(bundle, "Patient")
    told = [one for one in resources(bundle, "Observation") if "dataAbsentReason" in one]
    assert [code_of(one) for one in told] == ["53556-7", "parasite-density", "41451-6"]


def test_bundle_of_stages_and_a_persons_count_is_valid(store: Store) -> None:
    person = {
        "smear": "thick",
        "by": "Mary",
        "density_per_ul": 4000.0,
        "density_low_per_ul": 3254.0,
        "density_high_per_ul": 4865.0,
        "assumption": "8,000 white cells per µL, assumed and not measured.",
    }
    stages = {"ring": 50, "trophozoite": 8, "schizont": 0, "gametocyte": 3}
    specimen_id = screen(store, stage_counts=stages, gametocyte_count=3, person_counts=(person,))
    bundle = build(store, specimen_id)
    Bundle.model_validate(bundle)
    found = {code_of(one): one for one in resources(bundle, "Observation")}
    counts = {
        part["code"]["coding"][0]["code"]: part["valueQuantity"]["value"]
        for part in found["41451-6"]["component"]
    }
    assert counts == {
        "stage-ring": 50,
        "stage-trophozoite": 8,
        "stage-schizont": 0,
        "stage-gametocyte": 3,
    }
    by_person = found["parasite-density-by-microscopist"]
    assert by_person["valueQuantity"]["value"] == 4000
    assert by_person["performer"] == [{"display": "Mary"}]
    # A person's own count is asserted by no machine, and made by no device.
    assert "meta" not in by_person and "device" not in by_person


def test_values_are_those_of_the_report(store: Store) -> None:
    bundle = build(store, screen(store))
    found = {code_of(one): one for one in resources(bundle, "Observation")}
    assert found["53556-7"]["valueQuantity"] == {
        "value": 1.19,
        "unit": "%",
        "system": fhir_codes.UCUM,
        "code": "%",
    }
    ends = [part["valueQuantity"]["value"] for part in found["53556-7"]["component"]]
    assert ends == [0.91, 1.52, 5120]
    assert found["parasite-density"]["valueQuantity"]["value"] == 59_500
    assert found["parasite-density"]["valueQuantity"]["code"] == "/uL"
    assert "assumed" in found["parasite-density"]["note"][0]["text"]
    device = resources(bundle, "Device")[0]
    assert device["identifier"][0]["value"] == "ab" * 32
    patient = resources(bundle, "Patient")[0]
    assert patient["identifier"][0]["value"] == "P-1" and patient["gender"] == "female"
    assert "name" not in patient and "birthDate" not in patient
    # Species is not claimed where it was not learned.
    assert "32206-5" not in found and "30020004" not in json.dumps(bundle)


def test_result_is_preliminary_and_marked_until_a_named_person_signs(store: Store) -> None:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Achieng")
    Results(store).amend(
        specimen_id, "Dr Otieno", "wrong slide", report=make_report("negative").to_json()
    )
    expected = ("preliminary", True), ("final", False), ("amended", False)
    for version, (status, marked) in enumerate(expected, 1):
        bundle = build(store, specimen_id, version)
        Bundle.model_validate(bundle)
        told = [*resources(bundle, "Observation"), *resources(bundle, "DiagnosticReport")]
        assert {one["status"] for one in told} == {status}
        marks = [one.get("meta", {}).get("security") == [fhir_codes.AIAST] for one in told]
        assert set(marks) == {marked}
    assert resources(build(store, specimen_id, 2), "DiagnosticReport")[0]["resultsInterpreter"] == [
        {"display": "Dr Achieng"}
    ]
    amended = resources(build(store, specimen_id), "DiagnosticReport")[0]
    assert amended["conclusion"].startswith("Negative.") and "wrong slide" in amended["conclusion"]
    assert "not for diagnosis" in amended["conclusion"]


def test_ids_are_of_what_they_name_alone(store: Store) -> None:
    one, other = screen(store), screen(store)
    assert bundle_bytes(build(store, one)) == bundle_bytes(build(store, one))
    first = [entry["fullUrl"] for entry in build(store, one)["entry"]]
    second = [entry["fullUrl"] for entry in build(store, other)["entry"]]
    assert first[:2] == second[:2]  # the same patient and device
    assert not set(first[2:]) & set(second[2:])
    elsewhere = InteropSettings(identifier_base="https://other.example/id")
    moved = result_bundle(read_case(store, one), elsewhere)
    assert not set(first) & {entry["fullUrl"] for entry in moved["entry"]}


def test_specimen_without_a_result_is_refused(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {}, SpecimenDetails())
    with pytest.raises(ConflictError, match="no result yet"):
        build(store, specimen_id)
    with pytest.raises(DataError, match="no version 7"):
        read_case(store, specimen_id, 7)


@pytest.mark.parametrize("base", ["clinic", "", "ftp://clinic.example", "https://clinic.example/"])
def test_identifier_base_that_is_no_url_is_refused(base: str) -> None:
    with pytest.raises(ConfigError, match="identifier_base"):
        InteropSettings(identifier_base=base)


def search(url: str, kind: str, system: str, value: str) -> list[dict[str, Any]]:
    token = quote(f"{SETTINGS.identifier_base}/{system}|{value}", safe="")
    return [
        one["resource"] for one in get_json(f"{url}/{kind}?identifier={token}").get("entry", [])
    ]


def test_real_server_holds_one_record_whatever_is_sent_again(store: Store, fhir_url: str) -> None:
    specimen_id = screen(store)
    target = Target("hospital", "fhir", fhir_url)
    Results(store).sign(specimen_id, "Dr Achieng")
    for version in (1, 1, 2, 2):
        to_fhir.send(target, bundle_bytes(build(store, specimen_id, version)))
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    assert report["status"] == "final" and "security" not in report.get("meta", {})
    assert len(search(fhir_url, "Patient", "patient", "P-1")) == 1
    assert len(search(fhir_url, "Device", "bundle", "ab" * 32)) == 1
    (specimen,) = search(fhir_url, "Specimen", "specimen", specimen_id)
    (presence,) = search(fhir_url, "Observation", "observation", f"{specimen_id}/presence")
    # The server put its own ids where the bundle had UUIDs.
    assert report["specimen"] == [{"reference": f"Specimen/{specimen['id']}"}]
    assert f"Observation/{presence['id']}" in [one["reference"] for one in report["result"]]


def test_real_server_refuses_what_is_no_r4(store: Store, fhir_url: str) -> None:
    bundle = build(store, screen(store))
    del resources(bundle, "DiagnosticReport")[0]["code"]
    with pytest.raises(to_fhir.NotDeliveredError, match="400") as caught:
        to_fhir.send(Target("hospital", "fhir", fhir_url), bundle_bytes(bundle))
    assert caught.value.refused
