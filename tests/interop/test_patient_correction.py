"""A patient corrected after the result was sent: what each real server holds then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clinic import NOW, SETTINGS, screen
from lying_server import Dhis2, Reply, serve
from real_servers import Orthanc, get_json
from test_interop_fhir import search

from edge.interop import dhis2_counts
from edge.interop.settings import Dhis2Codes
from edge.store.correcting import correct_specimen
from edge.store.outbox import Outbox
from edge.store.records import SENT, UNSENT, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.store import Store
from edge.sync.runner import sync_once
from edge.sync.settings import SyncSettings, Target

MONTH = NOW[:7].replace("-", "")


def correct(store: Store, specimen_id: str, patient: Patient, **changes: Any) -> None:
    record = store.specimen(specimen_id)
    kept = {name: getattr(record, name) for name in SpecimenDetails.__dataclass_fields__}
    details = SpecimenDetails(**(kept | {"patient_id": patient.patient_id} | changes))
    correct_specimen(store, specimen_id, "Dr Otieno", "mixed up", details, patient)


def test_servers_have_the_right_patient_once(store: Store, fhir_url: str, orthanc: Orthanc) -> None:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Wanjiru")
    targets = (
        Target("hospital", "fhir", fhir_url),
        Target("pacs", "dicomweb", orthanc.web_url),
    )
    settings = SyncSettings(targets)
    assert sync_once(store, settings, SETTINGS).sent == 2
    right = Patient("P-77", "15+", "male", "Kisumu")
    correct(store, specimen_id, right)
    assert sync_once(store, settings, SETTINGS).sent == 2
    assert sync_once(store, settings, SETTINGS).queued == 0
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    (patient,) = search(fhir_url, "Patient", "patient", "P-77")
    assert report["status"] == "amended" and "mixed up" in report["conclusion"]
    assert report["subject"] == {"reference": f"Patient/{patient['id']}"}
    studies = [
        one
        for one in get_json(f"{orthanc.url}/studies?expand")
        if one["PatientMainDicomTags"]["PatientID"] == "P-77"
    ]
    assert len(studies) == 1 and studies[0]["PatientMainDicomTags"]["PatientSex"] == "M"


def test_age_that_is_corrected_goes_out_with_every_specimen(store: Store, fhir_url: str) -> None:
    ids = [screen(store), screen(store)]
    for specimen_id in ids:
        Results(store).sign(specimen_id, "Dr Wanjiru")
    settings = SyncSettings((Target("hospital", "fhir", fhir_url),))
    sync_once(store, settings, SETTINGS)
    correct(store, ids[0], replace(Register(store).patient("P-1"), age_band="0-4"))
    assert sync_once(store, settings, SETTINGS).sent == 2
    (patient,) = search(fhir_url, "Patient", "patient", "P-1")
    assert patient["extension"][0]["valueString"] == "0-4"
    for specimen_id in ids:
        (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
        assert report["status"] == "amended"


def counts_of(dhis2: Dhis2) -> dict[tuple[str, str], str]:
    return {
        (key[1], key[3]): value
        for key, value in dhis2.values.items()
        if key[0] == dhis2_counts.TESTED and key[2] == MONTH and value != "0"
    }


def test_ministrys_counts_and_events_follow(store: Store) -> None:
    dhis2 = Dhis2()
    codes = Dhis2Codes(program="p", program_stage="s", data_elements={"age_band": "DE1"})
    interop = replace(SETTINGS, dhis2=codes)
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Wanjiru")
    with serve(dhis2) as server:
        settings = SyncSettings((Target("moh", "dhis2", server.url),))
        assert sync_once(store, settings, interop).sent == 2
        assert counts_of(dhis2) == {("Kisumu", "5-14_female"): "1"}
        own = replace(Register(store).patient("P-1"), age_band="15+")
        correct(store, specimen_id, own, site="Siaya")
        assert sync_once(store, settings, interop).sent == 2
        # The unit that has no test any more is told so.
        assert counts_of(dhis2) == {("Siaya", "15+_female"): "1"}
        assert ("MAL_CASES_TEST_MICR", "Kisumu", MONTH, "5-14_female") in dhis2.values
        assert sync_once(store, settings, interop).queued == 0
    (event,) = dhis2.events.values()
    assert event["orgUnit"] == "Siaya"
    assert event["dataValues"] == [{"dataElement": "DE1", "value": "15+"}]


def test_unit_that_the_ministry_refused_is_told_no_zero(store: Store) -> None:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Wanjiru")
    outbox, dhis2 = Outbox(store), Dhis2()
    with serve(dhis2) as server:
        settings = SyncSettings((Target("moh", "dhis2", server.url),))
        sync_once(store, settings, SETTINGS)
        correct(store, specimen_id, Register(store).patient("P-1"), site="Unknown")
        dhis2.values.clear()
        server.answer = lambda _: Reply(409, {"status": "ERROR"})
        assert sync_once(store, settings, SETTINGS).failed == 1
        correct(store, specimen_id, Register(store).patient("P-1"), site="Siaya")
        server.answer = dhis2
        assert sync_once(store, settings, SETTINGS).sent == 1
    assert {key[1] for key in dhis2.values} == {"Kisumu", "Siaya"}
    assert [one.state for one in outbox.of_specimen("")] == [SENT, UNSENT, SENT]
