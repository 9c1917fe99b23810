"""What DHIS2 is sent, chest X-rays, and what is refused where a part is missing."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from clinic import SETTINGS, make_field, make_report, screen
from fhir.resources.R4B.bundle import Bundle
from lying_server import Reply, serve

from edge.contract.errors import ConfigError, ConflictError, RuntimeUnavailableError
from edge.interop import dicom
from edge.interop.age import check_recipients
from edge.interop.cases import read_case
from edge.interop.dhis2_counts import count_month, data_value_set
from edge.interop.dhis2_tracker import VALUES, tracker_payload
from edge.interop.fhir import result_bundle
from edge.interop.settings import Dhis2Codes, InteropSettings
from edge.store.records import CHEST_XRAY, SpecimenDetails
from edge.store.results import Results
from edge.store.store import Store
from edge.sync import runner, to_fhir, to_pacs
from edge.sync.runner import sync_once
from edge.sync.settings import SyncSettings, Target

CODES = Dhis2Codes(
    program="PROG", program_stage="STAGE", data_elements={name: f"E-{name}" for name in VALUES}
)


def test_event_tells_a_signed_result(store: Store) -> None:
    specimen_id = screen(store)
    settings = replace(SETTINGS, dhis2=CODES)
    with pytest.raises(ConflictError, match="not signed"):
        tracker_payload(read_case(store, specimen_id), settings)
    Results(store).sign(specimen_id, "Dr Achieng")
    (event,) = tracker_payload(read_case(store, specimen_id), settings)["events"]
    assert event["orgUnit"] == "Kisumu" and event["occurredAt"] == "2026-11-20"
    told = {one["dataElement"]: one["value"] for one in event["dataValues"]}
    assert told == {
        "E-verdict": "positive",
        "E-age_band": "5-14",
        "E-sex": "female",
        "E-parasitaemia_percent": "1.19",
        "E-density_per_ul": "59500",
        "E-specimen_id": specimen_id,
        "E-signed_by": "Dr Achieng",
        "E-result_status": "final",
    }


def test_event_without_program_or_of_an_unknown_value_is_refused(store: Store) -> None:
    case = read_case(store, screen(store))
    with pytest.raises(ConfigError, match="no DHIS2 program"):
        tracker_payload(case, SETTINGS)
    wrong = replace(CODES, data_elements={"name": "E1"})
    with pytest.raises(ConfigError, match=r"\['name'\]"):
        tracker_payload(case, replace(SETTINGS, dhis2=wrong))


def test_site_without_a_unit_is_said_and_keeps_nothing_else_waiting(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {}, SpecimenDetails())
    store.finish_specimen(specimen_id, make_report())
    Results(store).sign(specimen_id, "Dr Achieng")
    with pytest.raises(ConfigError, match="org_unit"):
        data_value_set("2026-11", count_month(store, "2026-11"), Dhis2Codes())
    named = data_value_set("2026-11", count_month(store, "2026-11"), Dhis2Codes(org_unit="OU"))
    assert {one["orgUnit"] for one in named["dataValues"]} == {"OU"}
    with serve(lambda _: Reply(503)) as server:
        targets = (Target("moh", "dhis2", server.url), Target("hospital", "fhir", server.url))
        report = sync_once(store, SyncSettings(targets), SETTINGS)
    assert report.queued == 1 and "org_unit" in report.problems[-1]


def test_many_items_for_a_dead_server_hide_no_other_ones(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_ROUND", 2)
    for _ in range(5):
        Results(store).sign(screen(store, fields=0), "Dr Achieng")
    with serve(lambda _: Reply(503)) as dead, serve(lambda _: Reply(422)) as other:
        one = Target("dead", "fhir", dead.url)
        sync_once(store, SyncSettings((one,)), SETTINGS)
        two = Target("other", "fhir", other.url)
        sync_once(store, SyncSettings((one, two)), SETTINGS)
        assert len(dead.asked) == 2 and other.asked


def test_chest_xray_is_no_malaria_test(store: Store) -> None:
    details = SpecimenDetails("P-1", task=CHEST_XRAY, site="Kisumu")
    specimen_id = store.start_specimen("X", "upload", {}, details)
    store.save_field(specimen_id, 0, make_field(0), None)
    absent = {"parasitaemia_fraction": None, "density_per_ul": None, "rbc_count": 0}
    store.finish_specimen(specimen_id, make_report("positive", **absent))
    Results(store).sign(specimen_id, "Dr Achieng")
    bundle = result_bundle(read_case(store, specimen_id), SETTINGS)
    Bundle.model_validate(bundle)
    codes = [
        entry["resource"]["code"]["coding"][0]["code"]
        for entry in bundle["entry"]
        if "code" in entry["resource"]
    ]
    assert codes == ["chest-xray-call", "chest-xray-screening"]
    assert not count_month(store, "2026-11")


def test_missing_library_is_named_with_its_extra(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = read_case(store, screen(store))
    payload = dicom.captures_zip(store, case, SETTINGS)
    node = Target("pacs", "dicom", host="127.0.0.1", port=9)
    monkeypatch.setitem(sys.modules, "pynetdicom.ae", None)
    with pytest.raises(RuntimeUnavailableError, match=r"pynetdicom.*\[interop\]"):
        to_pacs.send_by_association(node, payload)
    for name in ("pydicom", "pydicom.dataset"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeUnavailableError, match=r"pydicom.*comes with the program"):
        dicom.capture(store, case, 0, SETTINGS)
    with pytest.raises(RuntimeUnavailableError, match=r"pydicom.*\[interop\]"):
        to_pacs.send_by_association(node, payload)
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(RuntimeUnavailableError, match="pyrage"):
        check_recipients(["age1"])


def test_certificates_that_cannot_be_read_are_said() -> None:
    target = Target("t", "fhir", "https://127.0.0.1:9", ca_file="/none.pem")
    with pytest.raises(ConfigError, match=r"none\.pem"):
        to_fhir.send(target, b'{"entry": []}')


def test_default_identifiers_name_no_real_site() -> None:
    assert ".invalid/" in InteropSettings().identifier_base
