"""A person's count on the page."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from record_samples import screen, send
from web_samples import ScriptedScreener, value_of

from edge.screening.service import ScreeningService
from edge.store.records import THICK
from edge.store.register import Register
from edge.store.review import Tallies


@pytest.fixture
def specimen_id(client: FlaskClient, service: ScreeningService) -> str:
    return screen(client, service)


def test_density_of_a_thick_smear_has_interval_and_assumption(
    client: FlaskClient, specimen_id: str
) -> None:
    counts = {"smear": "thick", "parasites": 100, "wbc_counted": 200}
    page = client.get(f"/specimens/{specimen_id}/tally/density", query_string=counts).text
    # Within 200 white cells 100 parasites, at 8,000 white cells a microlitre.
    assert float(value_of(page, "tally-density")) == 4000
    assert "95 % interval" in page and "8,000 white cells per µL, assumed" in page
    assert value_of(page, "tally-complete") == "yes"
    few = counts | {"parasites": 99}
    page = client.get(f"/specimens/{specimen_id}/tally/density", query_string=few).text
    assert value_of(page, "tally-complete") == "no" and "300</strong> more" in page
    measured = counts | {"wbc_per_ul": 6000}
    page = client.get(f"/specimens/{specimen_id}/tally/density", query_string=measured).text
    assert float(value_of(page, "tally-density")) == 3000 and "measured" in page


def test_count_is_stored_beside_the_machine_s(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    sent = send(
        client, specimen_id, "tally", smear="thick", parasites="5", wbc_counted="500",
        gametocytes="1", rbc_counted="77",
    )  # fmt: skip
    assert sent.status_code == 303
    (tally,) = Tallies(service.store).of_specimen(specimen_id)
    assert (tally.parasites, tally.gametocytes, tally.wbc_counted) == (5, 1, 500)
    assert (tally.rbc_counted, tally.by) == (0, "A. Reader")
    page = client.get(str(sent.location)).text
    assert "Your count is stored" in page and 'data-testid="person-count"' in page
    assert "80 per µL" in page and "data-stored" in page
    assert THICK in {slide.smear for slide in Register(service.store).slides_of(specimen_id)}
    again = send(client, specimen_id, "tally", smear="thin", parasites="2", rbc_counted="500")
    assert again.status_code == 303
    assert len(Tallies(service.store).of_specimen(specimen_id)) == 2
    assert client.get(f"/specimens/{specimen_id}/tally").text.count("<strong>80 per µL") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"smear": "thick", "parasites": "1"},
        {"smear": "thin", "parasites": "5", "rbc_counted": "2"},
        {"smear": "thick", "parasites": "-1", "wbc_counted": "200"},
        {"smear": "thick", "parasites": "1.5", "wbc_counted": "200"},
        {"smear": "thick", "parasites": "<script>alert(1)</script>", "wbc_counted": "200"},
        {"smear": "thick", "parasites": "9" * 400, "wbc_counted": "200"},
        {"smear": "thick", "parasites": "٣", "wbc_counted": "200"},
        {"smear": "thick", "wbc_counted": "200", "wbc_per_ul": "1"},
        {"smear": "neither", "wbc_counted": "200"},
    ],
)
def test_wrong_counts_are_refused_and_kept_in_the_form(
    client: FlaskClient, service: ScreeningService, specimen_id: str, wrong: dict[str, str]
) -> None:
    response = send(client, specimen_id, "tally", **wrong)
    assert response.status_code == 422 and 'data-testid="problem"' in response.text
    assert "<script>alert" not in response.text
    assert Tallies(service.store).of_specimen(specimen_id) == []
    if wrong["smear"] != "neither":
        part = client.get(f"/specimens/{specimen_id}/tally/density", query_string=wrong)
        assert part.status_code == 200
        assert "<script>alert" not in part.text


def test_nothing_counted_yet_is_no_mistake(client: FlaskClient, specimen_id: str) -> None:
    asked = {"smear": "thick", "parasites": "0", "gametocytes": "", "wbc_counted": "0"}
    part = client.get(f"/specimens/{specimen_id}/tally/density", query_string=asked).text
    assert "The density appears here as you count." in part and "tally-problem" not in part


def test_parasites_that_a_person_counted_make_the_result_positive(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    specimen_id = screen(client, service, 3)
    send(client, specimen_id, "tally", smear="thick", parasites="5", wbc_counted="500")
    page = client.get(f"/specimens/{specimen_id}/sign").text
    assert value_of(page, "to-sign") == "positive" and "A person counted 5" in page
    assert send(client, specimen_id, "sign").status_code == 303
    assert service.store.specimen(specimen_id).verdict == "positive"
    late = send(client, specimen_id, "tally", smear="thick", parasites="5", wbc_counted="500")
    assert late.status_code == 409
