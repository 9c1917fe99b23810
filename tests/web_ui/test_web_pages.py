"""Every page of a device with finished, running, failed and interrupted specimens."""

from __future__ import annotations

import io
import threading

import pytest
from flask.testing import FlaskClient
from web_samples import (
    ScriptedScreener,
    field_png,
    screen_uploads,
    submit,
    token,
    value_of,
    wait_until,
)

from edge.contract.errors import CameraError
from edge.contract.images import decode_image
from edge.screening.service import ScreeningService
from edge.store.store import Store
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.words import NOTICE


def png(name: str = "field.png", level: int = 200) -> tuple[io.BytesIO, str]:
    return io.BytesIO(field_png(level)), name


@pytest.fixture
def positive_id(client: FlaskClient, service: ScreeningService) -> str:
    return screen_uploads(client, service, [png("a.png"), png("dark.png", 20), png("b.png")])


@pytest.fixture
def held(client: FlaskClient, screener: ScriptedScreener) -> str:
    """A specimen that waits at its second field."""
    screener.gate = threading.Event()
    response = submit(client, source="simulated", fields="3", label="S-held")
    assert response.status_code == 303
    return str(response.location).rsplit("/", 1)[-1]


def test_first_page_of_a_new_device_is_ready_and_empty(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Ready to screen" in page and "No specimen has been screened yet" in page
    assert "New specimen" in page and "malaria-cells-1.2.0" in page and "cpu-xnnpack" in page


def test_finished_specimen_shows_verdict_counts_and_evidence(
    client: FlaskClient, positive_id: str
) -> None:
    page = client.get(f"/specimens/{positive_id}").text
    assert value_of(page, "status") == "done" and value_of(page, "verdict") == "positive"
    assert "Malaria parasites suspected" in page
    assert value_of(page, "rbc-count") == "120" and value_of(page, "positive-count") == "12"
    assert value_of(page, "fields-read") == "2" and value_of(page, "fields-refused") == "1"
    low, mid, high = (float(value_of(page, f)) for f in ("ci-low", "parasitaemia", "ci-high"))
    assert 0 < low < mid < high < 1
    assert "too dark (brightness" in page and "dark.png" in page
    assert "Very suspicious" in page and "0.99" in page and 'class="heat-toggle"' in page
    assert "abababababab" in page and "litert" in page


def test_page_holds_the_exact_stored_values(
    client: FlaskClient, service: ScreeningService, positive_id: str
) -> None:
    report = service.store.specimen(positive_id).report
    page = client.get(f"/specimens/{positive_id}").text
    assert report is not None
    assert float(value_of(page, "parasitaemia")) == report["parasitaemia_fraction"]
    assert float(value_of(page, "ci-high")) == report["ci_high"]
    assert report["why"] in page.replace("&#39;", "'")


def test_full_count_without_parasites_is_negative_in_words(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    page = client.get(f"/specimens/{screen_uploads(client, service, [png(), png()])}").text
    assert value_of(page, "verdict") == "negative"
    assert "No parasites found in 120 cells" in page and "does not rule malaria out" in page


def test_too_few_cells_never_look_negative(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    page = client.get(f"/specimens/{screen_uploads(client, service, [png()])}").text
    assert value_of(page, "verdict") == "inconclusive"
    assert "Not enough to decide" in page and "not a negative result" in page
    assert "No parasites found" not in page and "tone-negative" not in page


def test_unreadable_fields_alone_are_not_read(
    client: FlaskClient, service: ScreeningService
) -> None:
    page = client.get(f"/specimens/{screen_uploads(client, service, [png('d.png', 10)])}").text
    assert value_of(page, "verdict") == "refused" and "Not read" in page
    assert value_of(page, "parasitaemia") == "" and "tone-negative" not in page


def test_running_specimen_polls_and_reloads_when_done(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener, held: str
) -> None:
    page = client.get(f"/specimens/{held}").text
    assert value_of(page, "status") == "running" and value_of(page, "verdict") == "pending"
    assert 'hx-trigger="every 1s"' in page and "htmx.min.js" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    fragment = client.get(f"/specimens/{held}/progress")
    assert "<html" not in fragment.text and "HX-Refresh" not in fragment.headers
    assert "S-held" in client.get("/").text
    assert screener.gate is not None
    screener.gate.set()
    assert service.wait(10)
    assert client.get(f"/specimens/{held}/progress").headers["HX-Refresh"] == "true"


def test_stop_ends_only_the_specimen_that_it_names(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener, positive_id: str
) -> None:
    screener.gate = threading.Event()
    held = str(submit(client, source="simulated", fields="3").location).rsplit("/", 1)[-1]
    data = {"csrf_token": token(client)}
    assert client.post(f"/specimens/{positive_id}/stop", data=data).status_code == 303
    assert client.post("/specimens/nobody/stop", data=data).status_code == 404
    screener.gate.set()
    wait_until(lambda: len(service.store.fields(held)) > 1)
    client.post(f"/specimens/{held}/stop", data=data)
    assert service.wait(10)
    page = client.get(f"/specimens/{held}").text
    assert value_of(page, "status") in ("stopped", "done")


def test_failed_specimen_says_so_plainly(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.failure = CameraError("camera stopped answering; check its cable")
    page = client.get(f"/specimens/{screen_uploads(client, service, [png()])}").text
    assert value_of(page, "status") == "failed" and "Screening failed" in page
    assert "check its cable" in page and value_of(page, "verdict") == "inconclusive"
    assert "Failed" in client.get("/specimens").text


def test_interrupted_specimen_says_so_plainly(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = service.store.start_specimen("S-cut", "simulated", {"seed": 1})
    for _ in ("before the store recovered", "after"):
        page = client.get(f"/specimens/{specimen_id}").text
        assert value_of(page, "status") == "interrupted" and "was interrupted" in page
        assert value_of(page, "verdict") != "negative"
        service.store.recover()


def test_field_page_shows_quality_timings_and_cells(client: FlaskClient, positive_id: str) -> None:
    page = client.get(f"/specimens/{positive_id}/fields/0").text
    assert "20.2 ms" in page and "Brightness" in page and "All 61 cells and objects" in page
    assert "platelet" in page and "Next field" in page and "Field before" not in page
    refused = client.get(f"/specimens/{positive_id}/fields/1").text
    assert "Refused, so nothing here was counted" in refused and "too dark" in refused


def test_pictures_are_jpeg_and_privately_cached(
    client: FlaskClient, service: ScreeningService, positive_id: str
) -> None:
    cell = service.store.suspect_cells(positive_id)[0].cell_id
    base = f"/specimens/{positive_id}"
    plain = client.get(f"{base}/fields/0/image.jpg")
    boxed = client.get(f"{base}/fields/0/image.jpg?annotated=1")
    assert decode_image(plain.data).shape == (120, 240, 3) and plain.data != boxed.data
    small = client.get(f"{base}/fields/0/image.jpg?annotated=1&width_px=80")
    assert decode_image(small.data).shape == (40, 80, 3)
    view, heat = client.get(f"{base}/cells/{cell}.jpg"), client.get(f"{base}/cells/{cell}/heat.jpg")
    assert decode_image(view.data).shape == (160, 160, 3) and view.data != heat.data
    for response in (plain, boxed, small, view, heat):
        assert response.mimetype == "image/jpeg"
        assert response.headers["Cache-Control"].startswith("private")
        again = {"If-None-Match": response.headers["ETag"]}
        assert client.get(response.request.path, headers=again).status_code in (200, 304)


@pytest.mark.parametrize("width_px", ["0", "-5", "99999999", "x"])
def test_odd_widths_do_no_harm(client: FlaskClient, positive_id: str, width_px: str) -> None:
    address = f"/specimens/{positive_id}/fields/0/image.jpg?width_px={width_px}"
    assert decode_image(client.get(address).data).shape[1] in (64, 240)


def test_history_pages_through_all_specimens(
    client: FlaskClient, service: ScreeningService
) -> None:
    ids = {service.store.start_specimen(f"S-{n}", "simulated", {}) for n in range(45)}
    address, seen = "/specimens", 0
    for expected in (20, 20, 5):
        page = client.get(address).text
        seen += page.count('class="row"')
        assert page.count('class="row"') == expected
        ids -= {part.split('"')[0] for part in page.split("/specimens/")}
        address = page.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in page else ""
    assert seen == 45 and not ids and not address


def test_about_says_what_runs_and_what_it_cannot(client: FlaskClient) -> None:
    page = client.get("/about").text
    assert "litert" in page and "does not rule malaria out" in page


def test_fallback_is_said_on_the_first_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    screener = ScriptedScreener()
    screener.ran_on = type(screener.ran_on)(**(vars(screener.ran_on) | {"fallback": True}))
    service = ScreeningService(Store(tmp_path_factory.mktemp("home")), lambda: screener)
    assert "Running on a fallback" in logged_in(create_app(service)).get("/").text
    service.close()


def test_every_page_carries_the_notice(client: FlaskClient, positive_id: str) -> None:
    base = f"/specimens/{positive_id}"
    for address in ("/", "/about", "/specimens", "/specimens/new", base, f"{base}/fields/0", "/x"):
        assert str(NOTICE) in client.get(address).text
