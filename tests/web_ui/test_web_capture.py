"""At the microscope: by hand and by itself, pause, a field taken back, going on after an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, token, value_of, wait_until

from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.audit import Audit
from edge.store.records import DONE, RUNNING, STOPPED
from edge.store.results import Results

FIELDS = 4


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"field-{number}.png" for number in range(FIELDS)]
    for path in paths:
        path.write_bytes(field_png())
    return [str(path) for path in paths]


@pytest.fixture
def by_hand(service: ScreeningService, sources: list[str]) -> Iterator[str]:
    """A specimen whose fields are taken one at a time; four would be more than enough."""
    yield service.start(SpecimenRequest("S-7", "upload", {"sources": sources}, automatic=False))
    service.stop()


def act(client: FlaskClient, specimen_id: str, what: str, **form: object) -> int:
    """Presses a button of the capture page."""
    data = {"csrf_token": token(client)} | form
    return client.post(f"/specimens/{specimen_id}/{what}", data=data).status_code


def take(client: FlaskClient, service: ScreeningService, specimen_id: str) -> None:
    """Takes one field and waits until it is stored."""
    before = len(service.store.fields(specimen_id))
    assert act(client, specimen_id, "take") == 303
    wait_until(lambda: len(progress_fields(service)) > before)


def progress_fields(service: ScreeningService) -> tuple[object, ...]:
    progress = service.state().progress
    assert progress is not None
    return progress.fields


def test_by_hand_each_tap_takes_one_field(
    client: FlaskClient, service: ScreeningService, by_hand: str
) -> None:
    time.sleep(0.1)
    assert service.store.fields(by_hand) == []
    page = client.get(f"/specimens/{by_hand}").text
    assert "Next field" in page and 'data-key="Space PageDown"' in page
    take(client, service, by_hand)
    time.sleep(0.1)
    assert len(service.store.fields(by_hand)) == 1
    page = client.get(f"/specimens/{by_hand}/progress?paused=0&automatic=0")
    assert "Field 1" in page.text and "60 cells" in page.text and "6 suspect" in page.text
    assert 'class="band"' in page.text and "HX-Refresh" not in page.headers
    assert act(client, by_hand, "mode", automatic="1") == 303
    assert service.wait(10) and service.store.specimen(by_hand).status == DONE


def test_a_tap_by_script_needs_no_new_page(client: FlaskClient, by_hand: str) -> None:
    data, headers = {"csrf_token": token(client)}, {"HX-Request": "true"}
    response = client.post(f"/specimens/{by_hand}/take", data=data, headers=headers)
    assert (response.status_code, response.text) == (204, "")


def test_a_pause_is_seen_by_everyone_and_ends(
    client: FlaskClient,
    client_as: Callable[..., FlaskClient],
    service: ScreeningService,
    by_hand: str,
) -> None:
    operator = client_as("operator")
    assert act(operator, by_hand, "pause") == 303
    assert "Paused" in client.get(f"/specimens/{by_hand}").text
    assert "Paused" in client.get("/").text
    part = client.get(f"/specimens/{by_hand}/progress?paused=0&automatic=0")
    assert part.headers["HX-Refresh"] == "true"
    part = client.get(f"/specimens/{by_hand}/progress?paused=1&automatic=0")
    assert "HX-Refresh" not in part.headers
    assert act(operator, by_hand, "mode", automatic="1") == 303
    time.sleep(0.1)
    assert service.store.fields(by_hand) == []
    assert act(operator, by_hand, "go-on") == 303
    assert service.wait(10) and service.store.specimen(by_hand).status == DONE


def test_a_field_taken_back_stays_on_record_and_does_not_count(
    client: FlaskClient, service: ScreeningService, by_hand: str
) -> None:
    take(client, service, by_hand)
    take(client, service, by_hand)
    page = client.get(f"/specimens/{by_hand}").text
    assert 'name="field" value="1"' in page
    assert act(client, by_hand, "take-back", field="1") == 303
    progress = service.state().progress
    assert progress is not None and progress.report.rbc_count == 60
    assert (progress.report.fields_read, progress.report.fields_refused) == (1, 1)
    assert len(progress.points) == 1
    field = service.store.field(by_hand, 1)
    assert not field.usable and field.reason.startswith("taken back by ") and field.image_file
    assert {cell.field_index for cell in service.store.suspect_cells(by_hand)} == {0}
    line = Audit(service.store).entries(1, subject=by_hand)[0]
    assert (line.action, line.detail["rbc_count"]) == ("field.taken_back", 60)
    assert "Does not count: taken back by" in client.get(f"/specimens/{by_hand}").text
    assert 'name="field" value="0"' in client.get(f"/specimens/{by_hand}").text
    # The place counts when it is taken again.
    take(client, service, by_hand)
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    report = service.store.specimen(by_hand).report
    assert report is not None and (report["rbc_count"], report["fields_refused"]) == (120, 1)


def test_what_cannot_be_taken_back_says_why(
    client: FlaskClient, service: ScreeningService, by_hand: str
) -> None:
    assert act(client, by_hand, "take-back", field="") == 409
    assert act(client, by_hand, "take-back", field="0") == 404
    take(client, service, by_hand)
    assert act(client, by_hand, "take-back", field="0") == 303
    data = {"csrf_token": token(client), "field": "0"}
    twice = client.post(f"/specimens/{by_hand}/take-back", data=data)
    assert twice.status_code == 409 and "does not count anyway" in twice.text
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    for what in ("take-back", "pause", "go-on", "take", "mode"):
        assert act(client, by_hand, what, field="0") == 409
    assert act(client, "nobody", "pause") == 404


def test_a_specimen_that_was_stopped_goes_on_where_it_ended(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener, by_hand: str
) -> None:
    screener.positive = 0
    take(client, service, by_hand)
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    page = client.get(f"/specimens/{by_hand}").text
    assert "Go on with this slide" in page and value_of(page, "status") == STOPPED
    assert "Ended before their time" in client.get("/to-review").text
    assert act(client, by_hand, "resume") == 303
    assert service.wait(10)
    record = service.store.specimen(by_hand)
    assert record.status == DONE and record.report is not None
    names = [field.name for field in service.store.fields(by_hand)]
    assert names == [f"field-{number}.png" for number in range(FIELDS)]
    assert record.report["rbc_count"] == 60 * FIELDS and record.report["verdict"] == "negative"
    assert [result.status for result in Results(service.store).history(by_hand)] == [
        "preliminary",
        "preliminary",
    ]
    # What was read to its end has its answer.
    refused = client.post(f"/specimens/{by_hand}/resume", data={"csrf_token": token(client)})
    assert refused.status_code == 409 and "It cannot go on" in refused.text
    assert "Go on with this slide" not in client.get(f"/specimens/{by_hand}").text


def test_going_on_never_reads_a_place_twice(
    client: FlaskClient, service: ScreeningService, sources: list[str], by_hand: str
) -> None:
    take(client, service, by_hand)
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    Path(sources[1]).write_bytes(Path(sources[0]).read_bytes())
    assert act(client, by_hand, "resume") == 303 and service.wait(10)
    fields = service.store.fields(by_hand)
    assert [field.usable for field in fields] == [True, False, True, True]
    assert "already read (field field-0.png)" in fields[1].reason


def test_what_cannot_go_on_stays_as_it_is_and_says_why(
    client: FlaskClient, service: ScreeningService, sources: list[str], by_hand: str
) -> None:
    assert act(client, by_hand, "resume") == 409  # It is being screened.
    take(client, service, by_hand)
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    moved = Path(sources[0]).rename(Path(sources[0]).with_suffix(".gone"))
    refused = client.post(f"/specimens/{by_hand}/resume", data={"csrf_token": token(client)})
    assert refused.status_code == 409 and "does not exist" in refused.text
    assert service.store.specimen(by_hand).status == STOPPED
    moved.rename(sources[0])
    Results(service.store).sign(by_hand, "Ann")
    refused = client.post(f"/specimens/{by_hand}/resume", data={"csrf_token": token(client)})
    assert refused.status_code == 409 and "is signed" in refused.text
    assert "Go on with this slide" not in client.get(f"/specimens/{by_hand}").text
    assert act(client, "nobody", "resume") == 404


def test_a_lost_image_ends_it_as_failed_rather_than_counting_a_place_twice(
    client: FlaskClient, service: ScreeningService, by_hand: str
) -> None:
    take(client, service, by_hand)
    assert act(client, by_hand, "stop") == 303 and service.wait(10)
    image = service.store.field(by_hand, 0).image_file
    assert image is not None
    (service.store.home / image).unlink()
    assert act(client, by_hand, "resume") == 303 and service.wait(10)
    record = service.store.specimen(by_hand)
    assert record.status == "failed" and "cannot be read" in record.error
    assert record.verdict != "negative" and record.status != RUNNING
