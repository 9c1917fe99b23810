"""Servers that fail, are silent or lie: none of it is ever taken for an acknowledgement."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from clinic import SETTINGS, screen
from lying_server import Answerer, Asked, Dhis2, Reply, serve

from edge.interop import dicom
from edge.interop.cases import read_case
from edge.interop.dhis2_counts import count_month, data_value_set, value_set_bytes
from edge.interop.fhir import bundle_bytes, result_bundle
from edge.interop.settings import Dhis2Codes
from edge.store.results import Results
from edge.store.store import Store
from edge.sync import to_dhis2, to_fhir, to_pacs
from edge.sync.http import NotDeliveredError
from edge.sync.settings import Target

ERROR = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "invalid", "diagnostics": "no"}],
}
Change = Callable[[dict[str, Any], dict[str, Any]], None]


class FhirLiar:
    """Answers a transaction well, then `change` alters the response and what is read back."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._report: dict[str, Any] = {}

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply(200, self._report)
        sent = json.loads(asked.body)
        entries = []
        for number, entry in enumerate(sent["entry"]):
            place = f"{entry['resource']['resourceType']}/{number}/_history/1"
            entries.append({"response": {"status": "201 Created", "location": place}})
        response = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        self._report = copy.deepcopy(sent["entry"][-1]["resource"])
        self._change(response, self._report)
        return Reply(200, response)


def fhir_payload(store: Store) -> bytes:
    return bundle_bytes(result_bundle(read_case(store, screen(store)), SETTINGS))


def send_to(answer: Answerer, payload: bytes) -> int:
    """Sends; returns how many requests there were."""
    with serve(answer) as server:
        to_fhir.send(Target("t", "fhir", server.url, timeout_s=1), payload)
        return len(server.asked)


def test_honest_answer_is_believed_after_asking_back(store: Store) -> None:
    assert send_to(FhirLiar(lambda *_: None), fhir_payload(store)) == 2


def _set(where: str, value: Any) -> Change:
    def change(response: dict[str, Any], report: dict[str, Any]) -> None:
        place: Any = {"response": response, "report": report}
        *path, last = where.split("/")
        for name in path:
            place = place[int(name) if name.lstrip("-").isdigit() else name]
        place[int(last) if last.lstrip("-").isdigit() else last] = value

    return change


FHIR_LIES = {
    "another bundle": _set("response/type", "batch-response"),
    "an outcome": lambda response, _: (response.clear(), response.update(ERROR)),
    "fewer resources": lambda response, _: response["entry"].pop(),
    "no entries": _set("response/entry", None),
    "an entry that failed": _set("response/entry/2/response/status", "422 Unprocessable"),
    "an entry without status": _set("response/entry/2/response", {}),
    "an entry that is none": _set("response/entry/2", "yes"),
    "an entry with an error": _set("response/entry/0/response/outcome", ERROR),
    "another identifier": _set("report/identifier", [{"system": "x", "value": "y"}]),
    "no identifier": _set("report/identifier", None),
    "another status": _set("report/status", "final"),
    "an old time": _set("report/issued", "2020-01-01T00:00:00Z"),
    "no time": _set("report/issued", None),
    "another conclusion": _set("report/conclusion", "Negative."),
    "another resource": _set("report/resourceType", "Observation"),
    "no location, and no search result": _set("response/entry/-1/response", {"status": "200"}),
}


@pytest.mark.parametrize("lie", FHIR_LIES)
def test_lie_is_no_acknowledgement(store: Store, lie: str) -> None:
    with pytest.raises(NotDeliveredError):
        send_to(FhirLiar(FHIR_LIES[lie]), fhir_payload(store))


@pytest.mark.parametrize(
    ("reply", "refused", "unreachable"),
    [
        (Reply(500, ERROR), False, True),
        (Reply(503, b"busy"), False, True),
        (Reply(401, b"who?"), False, True),
        (Reply(429, b"slowly"), False, True),
        (Reply(404, b"no"), False, False),
        (Reply(400, ERROR), True, False),
        (Reply(422, ERROR), True, False),
        (Reply(302, b"", {"Location": "/login"}), False, False),
        (Reply(204, b""), False, False),
        (Reply(200, b"<html>Log in</html>"), False, False),
        (Reply(200, b"[]"), False, False),
        (Reply(200, ERROR), False, False),
        (Reply(200, ERROR, silent_s=2.5), False, True),
        (Reply(200, {"resourceType": "Bundle"}, drip=True), False, True),
        (Reply(200, {"resourceType": "Bundle", "a": "b" * 5000}, cut=True), False, True),
        (Reply(200, b" " * 16_500_000), False, True),
    ],
)
def test_failing_server_is_no_acknowledgement(
    store: Store, reply: Reply, refused: bool, unreachable: bool
) -> None:
    with pytest.raises(NotDeliveredError) as caught:
        send_to(lambda _: reply, fhir_payload(store))
    assert (caught.value.refused, caught.value.unreachable) == (refused, unreachable)


def test_redirect_is_not_followed(store: Store) -> None:
    with serve(FhirLiar(lambda *_: None)) as honest:
        moved = Reply(307, b"", {"Location": honest.url})
        with pytest.raises(NotDeliveredError, match="307"):
            send_to(lambda _: moved, fhir_payload(store))
        assert honest.asked == []  # and it was not given our password


def test_name_and_password_or_token_are_sent(store: Store) -> None:
    payload = fhir_payload(store)
    with serve(FhirLiar(lambda *_: None)) as server:
        to_fhir.send(Target("t", "fhir", server.url, user="a", password="b"), payload)
        to_fhir.send(Target("t", "fhir", server.url, token="secret"), payload)
    told = [one.headers["Authorization"] for one in server.asked]
    assert told == ["Basic YTpi"] * 2 + ["Bearer secret"] * 2
    assert "secret" not in repr(Target("t", "fhir", server.url, token="secret"))


def counts_payload(store: Store) -> bytes:
    for verdict, patient in (("positive", "P-1"), ("negative", "P-2"), ("positive", "P-2")):
        Results(store).sign(screen(store, verdict, patient, 0), "Dr Achieng")
    Results(store).sign(screen(store, "inconclusive", fields=0), "Dr Achieng")
    screen(store, fields=0)  # not signed
    return value_set_bytes(data_value_set("2026-11", count_month(store, "2026-11"), Dhis2Codes()))


def test_counts_are_of_signed_tests_by_age_and_sex(store: Store) -> None:
    dhis2 = Dhis2()
    payload = counts_payload(store)
    with serve(dhis2) as server:
        for _ in range(2):
            to_dhis2.send_counts(Target("t", "dhis2", server.url), payload)
    found = {(key[0], key[3]): value for key, value in dhis2.values.items() if value != "0"}
    assert found == {
        ("MAL_CASES_TEST_MICR", "5-14_female"): "1",
        ("MAL_CASES_POS_MICR", "5-14_female"): "1",
        ("MAL_CASES_TEST_MICR", "0-4_male"): "2",
        ("MAL_CASES_POS_MICR", "0-4_male"): "1",
    }
    assert {key[1:3] for key in dhis2.values} == {("Kisumu", "202611")}
    assert len(dhis2.values) == 2 * 4 * 4


def test_codes_of_the_site_replace_names(store: Store) -> None:
    counts_payload(store)
    codes = Dhis2Codes(
        data_set="DS",
        elements={"MAL_CASES_TEST_MICR": "E1"},
        disaggregation={"0-4_male": "C1"},
        org_units={"Kisumu": "OU1"},
    )
    told = data_value_set("2026-11", count_month(store, "2026-11"), codes)
    assert told["dataSet"] == "DS" and {one["orgUnit"] for one in told["dataValues"]} == {"OU1"}
    assert {"E1", "MAL_CASES_POS_MICR"} == {one["dataElement"] for one in told["dataValues"]}
    assert "C1" in {one["categoryOptionCombo"] for one in told["dataValues"]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "OK"},
        {"response": "fine"},
        {"response": {"status": "ERROR", "importCount": {"imported": 32}}},
        {"response": {"status": "WARNING", "importCount": {"imported": 32}}},
        {"response": {"status": "SUCCESS"}},
        {"response": {"status": "SUCCESS", "importCount": {"imported": "all"}}},
        {"response": {"status": "SUCCESS", "importCount": {"imported": 31}}},
        {"response": {"status": "SUCCESS", "importCount": {"imported": 1, "ignored": 31}}},
        {
            "response": {
                "status": "SUCCESS",
                "importCount": {"imported": 32},
                "conflicts": [{"object": "E1", "value": "no such element"}],
            }
        },
    ],
)
def test_dhis2_that_took_not_all_is_no_acknowledgement(store: Store, body: Any) -> None:
    payload = counts_payload(store)
    with serve(lambda _: Reply(200, body)) as server, pytest.raises(NotDeliveredError):
        to_dhis2.send_counts(Target("t", "dhis2", server.url), payload)


@pytest.mark.parametrize(
    "told",
    [
        {"status": "ERROR", "stats": {"created": 0, "ignored": 1}},
        {"status": "OK", "stats": {"created": 1}},
        {"status": "OK"},
        {
            "status": "OK",
            "stats": {"created": 1},
            "bundleReport": {
                "typeReportMap": {"EVENT": {"objectReports": [{"uid": "another0001"}]}}
            },
        },
    ],
)
def test_dhis2_that_acknowledges_another_event_is_no_acknowledgement(told: Any) -> None:
    payload = json.dumps({"events": [{"event": "abcdefghijk"}]}).encode()
    with serve(lambda _: Reply(200, told)) as server, pytest.raises(NotDeliveredError):
        to_dhis2.send_event(Target("t", "dhis2", server.url), payload)


def test_dhis2_conflict_needs_a_person(store: Store) -> None:
    payload = counts_payload(store)
    conflict = Reply(409, {"status": "ERROR"})
    with serve(lambda _: conflict) as server, pytest.raises(NotDeliveredError) as caught:
        to_dhis2.send_counts(Target("t", "dhis2", server.url), payload)
    assert caught.value.refused


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"00081199": {"Value": []}},
        {"00081199": {"Value": [{"00081155": {"Value": ["1.2.3"]}}]}},
        {"00081199": {"vr": "SQ"}},
        {"00081198": {"Value": [{"00081197": {"Value": [272]}}]}},
    ],
)
def test_pacs_that_names_other_objects_is_no_acknowledgement(store: Store, body: Any) -> None:
    payload = dicom.captures_zip(store, read_case(store, screen(store)), SETTINGS)
    with serve(lambda _: Reply(200, body)) as server, pytest.raises(NotDeliveredError):
        to_pacs.send_by_web(Target("t", "dicomweb", server.url), payload)


@pytest.mark.parametrize("status", [None, 0xA700, 0xC001, 0x0122])
def test_c_store_of_another_status_is_no_acknowledgement(status: int | None) -> None:
    with pytest.raises(NotDeliveredError) as caught:
        to_pacs._check(status)
    assert caught.value.refused == (status not in (None, 0xA700))
    to_pacs._check(0x0000), to_pacs._check(0xB000)
