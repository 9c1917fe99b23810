"""What waits for a person, on the first page and in its list."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads, submit, token, value_of

from edge.health.disk import FULL_DISK_BYTES, LOW_DISK_BYTES
from edge.screening.service import ScreeningService
from edge.screening.state import IntervalPoint
from edge.store.outbox import Outbox
from edge.store.records import Patient, WorklistItem
from edge.store.register import Register
from edge.store.review import Reviews
from edge.store.waiting import expected_count, unsigned
from tests.edge.bench.sensor_tree import write_pi
from web_ui import today
from web_ui.device_facts import DeviceFacts, read_facts
from web_ui.narrowing import BOTTOM, LEFT, RIGHT, TOP, narrowing
from web_ui.next_label import next_label


def screened(client: FlaskClient, service: ScreeningService, label: str = "S-1") -> str:
    files = [(io.BytesIO(field_png()), f"{number}.png") for number in range(2)]
    return screen_uploads(client, service, files, label=label)


def test_specimens_go_from_review_to_signature_to_nowhere(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    positive = screened(client, service)
    screener.positive = 0
    clean = screened(client, service, "S-2")
    page = client.get("/to-review").text
    assert value_of(page, "to-review") == value_of(page, "to-sign") == "1"
    assert f"/specimens/{positive}/review" in page and f"/specimens/{clean}/sign" in page
    assert "0 of 12 cells reviewed" in page
    cell = service.store.suspect_cells(positive)[0]
    Reviews(service.store).review_cell(cell.cell_id, "ring", "Ann")
    page = client.get("/to-review").text
    assert 'to-review" data-value' not in page and value_of(page, "to-sign") == "2"
    for specimen_id in (positive, clean):
        version = service.store.specimen(specimen_id).version
        data = {"csrf_token": token(client), "version": str(version)}
        assert client.post(f"/specimens/{specimen_id}/sign", data=data).status_code == 303
    assert "Nothing waits" in client.get("/to-review").text
    assert unsigned(service.store) == []


def test_suspected_slides_come_first(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    screened(client, service, "S-1")
    screener.positive = 6
    screened(client, service, "S-2")
    found = unsigned(service.store)
    assert [one.label for one in found] == ["S-2", "S-1"]
    assert [one.to_review for one in found] == [True, False]


def test_who_may_not_review_is_led_to_the_result(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    specimen_id = screened(client, service)
    operator = client_as("operator")
    page = operator.get("/to-review").text
    assert f'href="/specimens/{specimen_id}"' in page and "/review" not in page.split("<main")[1]
    page = operator.get(f"/specimens/{specimen_id}").text
    assert "A reviewer looks at the cells and signs" in page and "/sign" not in page


def test_the_first_page_counts_what_waits(client: FlaskClient, service: ScreeningService) -> None:
    specimen_id = screened(client, service)
    worklist = service.store.home / "worklist.csv"
    worklist.write_text("barcode,patient_id\nBC-1,P-1\nBC-2,P-2\n")
    Register(service.store).import_worklist(worklist)
    assert expected_count(service.store) == 2
    Outbox(service.store).add("clinic", "fhir", specimen_id, 1, b"{}")
    page = client.get("/").text
    counts = [part.split("</b>")[0] for part in page.split('class="task')[2:]]
    assert [count.rsplit("<b>", 1)[-1] for count in counts][-4:] == ["2", "1", "0", "1"]


def test_labels_follow_each_other(client: FlaskClient, service: ScreeningService) -> None:
    assert next_label("S-0142") == "S-0143" and next_label("S-099") == "S-100"
    assert next_label("9") == "10" and next_label("S-9 ") == "" and next_label("") == ""
    assert next_label("x" * 58 + "99") == ""
    assert "data-fill" not in client.get("/specimens/new").text
    screened(client, service, "S-0142")
    page = client.get("/specimens/new").text
    assert 'data-value="S-0143"' in page and 'value="S-0143" maxlength' not in page
    assert 'value="S-0143" maxlength' in client.get("/specimens/new?label=S-0143").text
    assert "<script>x" not in client.get("/specimens/new?label=<script>x").text


def test_the_disk_and_the_heat_are_told_with_a_word(tmp_path: Path) -> None:
    gb = 1024**3
    assert DeviceFacts(LOW_DISK_BYTES / gb, None).disk_tone == "plain"
    assert DeviceFacts(LOW_DISK_BYTES / gb - 0.1, None).disk_tone == "unsure"
    assert DeviceFacts(FULL_DISK_BYTES / gb - 0.1, None).disk_tone == "fault"
    assert DeviceFacts(9, 80.0).is_hot and not DeviceFacts(9, 60.0).is_hot
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("81500\n")
    facts = read_facts(tmp_path, tmp_path)
    assert facts.hottest_c == 81.5 and facts.free_gb > 0


def test_the_interval_narrows_toward_the_goal() -> None:
    assert narrowing([], 2000) is None
    points = [IntervalPoint(100, 0.0, 0.4), IntervalPoint(1000, 0.02, 0.05)]
    picture = narrowing(points, 2000)
    assert picture is not None and picture.top == 0.1
    assert picture.goal_x == RIGHT and picture.x == (LEFT + RIGHT) / 2
    # The first interval reaches beyond the axis and is cut there.
    assert picture.band.startswith(f"M{LEFT + (RIGHT - LEFT) / 20} {TOP:.1f}L")
    assert TOP < picture.high_y < picture.low_y < BOTTOM
    over = narrowing([IntervalPoint(4000, 0.0, 0.001)], 2000)
    assert over is not None and over.x == RIGHT and over.goal_x < RIGHT


@pytest.mark.parametrize("suspect", [True, False])
def test_the_review_shows_the_cell_large_with_both_opinions(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener, suspect: bool
) -> None:
    if suspect:
        screener.give_second_opinion()
    specimen_id = screened(client, service)
    page = client.get(f"/specimens/{specimen_id}/review").text
    assert "scope-heat" in page and "field.jpg" in page and "as the device says" in page
    assert ("not asked" in page) is not suspect
    assert page.index('value="parasitised"') < page.index('value="uninfected"') or suspect
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    view = client.get(f"/specimens/{specimen_id}/cells/{cell}/field.jpg")
    assert view.mimetype == "image/jpeg"
    data = {"csrf_token": token(client), "label": "ring", "seen": "0"}
    client.post(f"/specimens/{specimen_id}/review/{cell}", data=data)
    page = client.get(f"/specimens/{specimen_id}/review").text
    assert "1 infected" in page and "Enough was seen to sign" in page


def test_a_cell_that_is_healthy_is_not_enough_to_sign(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screened(client, service)
    cell = service.store.suspect_cells(specimen_id)[0]
    Reviews(service.store).review_cell(cell.cell_id, "uninfected", "Ann")
    page = client.get(f"/specimens/{specimen_id}/review").text
    assert "1 not infected" in page and "Enough was seen to sign" not in page
    result = client.get(f"/specimens/{specimen_id}").text
    assert f'button-primary button-huge" href="/specimens/{specimen_id}/review"' in result


def test_a_label_of_the_worklist_is_filled_in(
    client: FlaskClient, service: ScreeningService
) -> None:
    Register(service.store).add_patient(Patient("P-1"))
    item = WorklistItem("BC-1", "P-1", "", "thin", None, None)
    worklist = service.store.home / "w.csv"
    worklist.write_text(f"barcode,patient_id\n{item.barcode},{item.patient_id}\n")
    Register(service.store).import_worklist(worklist)
    page = client.get("/specimens/new?barcode=BC-1").text
    assert 'value="BC-1"' in page and 'value="P-1"' in page
    assert (
        submit(client, label="", barcode="BC-1", source="simulated", fields="1").status_code == 303
    )
    assert service.wait(20)


def test_first_page_tells_of_a_weak_supply(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert 'data-testid="power"' not in client.get("/").text
    assert read_facts(tmp_path, write_pi(tmp_path, "0")).power == ""
    weak = read_facts(tmp_path, write_pi(tmp_path, "50005"))
    monkeypatch.setattr(today, "read_facts", lambda _: weak)
    assert "the voltage is too low now" in client.get("/").text
