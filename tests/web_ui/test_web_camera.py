"""The camera on the page: how it is, what it sees, and specimens on it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, submit, value_of, wait_until

from edge.cameras.smear import SmearSettings, draw_field
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.contract.images import decode_image
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.store.store import Store
from tests.support.faulty_cameras import Bench
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.words import camera_words, source_words

PATIENCE = Patience(beat_s=0.03, watch_s=0.02, retry_s=0.05, most_retry_s=0.2, wait_s=20)
FIELD = SmearSettings(width_px=800, height_px=600, cells_per_field=60)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench([draw_field(FIELD, 6, index).image for index in range(3)])
    yield made
    made.let_go.set()


@pytest.fixture
def camera(bench: Bench) -> SupervisedCamera:
    return SupervisedCamera("v4l2", bench.open, PATIENCE)


@pytest.fixture
def service(
    tmp_path: Path, screener: ScriptedScreener, camera: SupervisedCamera
) -> Iterator[ScreeningService]:
    protocol = Protocol("test-100", minimum_rbc_count=100, negative_limit_fraction=0.05)
    made = ScreeningService(Store(tmp_path / "home"), lambda: screener, protocol, camera)
    camera.wait_until_live()
    yield made
    made.close()


def test_the_first_page_shows_the_camera_and_its_focus(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "The camera is working" in page and value_of(page, "camera-state") == "live"
    assert float(value_of(page, "focus")) > 0 and "/camera/preview.jpg?n=" in page
    assert 'hx-get="/camera/state"' in page and "htmx.min.js" in page


def test_the_part_that_changes_and_the_same_for_programs(client: FlaskClient) -> None:
    part = client.get("/camera/state")
    assert part.status_code == 200 and "<html" not in part.text
    state = client.get("/camera/state.json").json
    assert state["state"] == "live" and state["camera"] == "v4l2"
    assert state["title"] == "The camera is working" and state["focus"] > state["focus_least"]


def test_the_preview_is_a_small_jpeg_that_is_encoded_once(
    client: FlaskClient, camera: SupervisedCamera
) -> None:
    response = client.get("/camera/preview.jpg")
    assert response.mimetype == "image/jpeg" and response.headers["Cache-Control"] == "no-store"
    assert decode_image(response.data).shape == (600, 800, 3) and len(response.data) < 150_000
    jpegs = client.application.extensions["clinicscope"].previews
    preview = camera.desk.preview()
    assert preview is not None and jpegs.encode(preview) is jpegs.encode(preview)


def test_an_unplugged_camera_is_shown_with_what_to_do_and_comes_back(
    client: FlaskClient, bench: Bench, camera: SupervisedCamera
) -> None:
    bench.fault = "unplugged"
    wait_until(lambda: camera.status().state == "lost")
    page = client.get("/").text
    assert value_of(page, "camera-state") == "lost" and "There is no camera" in page
    assert "Check its cable and its power" in page and "is it unplugged" in page.replace(
        "&#39;", "'"
    )
    assert "/camera/preview.jpg" not in page
    assert client.get("/camera/preview.jpg").status_code == 404
    response = submit(client, source="camera")
    assert response.status_code == 409 and "there is no camera" in response.text
    bench.fault = ""
    wait_until(lambda: camera.status().live)
    assert "The camera is working" in client.get("/camera/state").text


def test_a_hanging_camera_never_holds_up_the_page(
    client: FlaskClient, bench: Bench, camera: SupervisedCamera
) -> None:
    bench.fault = "hang"
    wait_until(lambda: camera.status().stuck >= 1)
    for address in ("/", "/camera/state", "/camera/state.json", "/specimens/new", "/about"):
        start = time.monotonic()
        assert client.get(address).status_code == 200
        assert time.monotonic() - start < 2


def test_a_specimen_starts_on_the_camera_and_shows_what_it_waits_for(
    client: FlaskClient, bench: Bench, service: ScreeningService
) -> None:
    form = client.get("/specimens/new").text
    assert re.search(r'value="camera" checked', form) and "USB camera" in form
    response = submit(client, source="camera", label="S-9")
    assert response.status_code == 303
    specimen_id = response.location.rsplit("/", 1)[-1]
    wait_until(lambda: len(service.store.fields(specimen_id)) == 1)
    wait_until(lambda: "Move the slide" in client.get("/camera/state").text)
    running = client.get(f"/specimens/{specimen_id}").text
    assert 'data-testid="camera-state"' in running and "USB camera" in running
    bench.fault = "unplugged"
    wait_until(lambda: "waits for it, 20 seconds" in client.get("/camera/state").text)
    bench.fault, bench.at = "", 1
    wait_until(lambda: len(service.store.fields(specimen_id)) == 2)
    service.stop()
    assert service.wait(10)
    assert service.store.specimen(specimen_id).source == "camera:v4l2"
    assert "USB camera" in client.get(f"/specimens/{specimen_id}").text


def test_other_specimens_do_not_show_the_camera(
    client: FlaskClient, service: ScreeningService
) -> None:
    response = submit(client, source="simulated", fields="1")
    assert response.status_code == 303
    assert 'data-testid="camera-state"' not in client.get(response.location).text
    assert service.wait(20)


def test_a_device_without_camera_offers_none(tmp_path: Path, screener: ScriptedScreener) -> None:
    service = ScreeningService(Store(tmp_path / "other"), lambda: screener)
    client = logged_in(create_app(service))
    page, form = client.get("/").text, client.get("/specimens/new").text
    assert "camera-state" not in page and 'value="camera"' not in form
    assert re.search(r'value="simulated" checked', form)
    assert submit(client, source="camera").status_code == 422
    for address in ("/camera/state", "/camera/state.json", "/camera/preview.jpg"):
        assert client.get(address).status_code == 404
    service.close()


def test_cameras_in_words() -> None:
    assert source_words("camera:picamera2", {}) == "Pi camera"
    assert camera_words("telescope") == "telescope"
