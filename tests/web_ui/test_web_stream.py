"""The camera's picture as it moves, and what the page tells the person at the microscope."""

from __future__ import annotations

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
from web_ui.camera_stream import BOUNDARY, MOST_STREAMS, PreviewStreams

PATIENCE = Patience(watch_s=0.02, retry_s=0.05, wait_s=20)
FIELD = SmearSettings(width_px=640, height_px=480, cells_per_field=40)


@pytest.fixture
def bench() -> Iterator[Bench]:
    drawn = draw_field(FIELD, 6, 0).image
    made = Bench([drawn, drawn // 8, draw_field(FIELD, 6, 1).image])
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


def test_the_stream_gives_ten_pictures_a_second(client: FlaskClient) -> None:
    response = client.get("/camera/stream.mjpg", buffered=False)
    assert response.mimetype == "multipart/x-mixed-replace"
    assert response.headers["Cache-Control"] == "no-store"
    parts = iter(response.response)
    assert next(parts) == f"--{BOUNDARY}\r\n".encode()
    next(parts)
    start = time.monotonic()
    pictures = [next(parts) for _ in range(12)]
    took_s = time.monotonic() - start
    response.close()
    head, _, rest = pictures[0].partition(b"\r\n\r\n")
    jpeg = rest.removesuffix(f"\r\n--{BOUNDARY}\r\n".encode())
    assert head == f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}".encode()
    assert decode_image(jpeg).shape == (480, 640, 3)
    # Meant are fourteen a second; a machine that is busy with other tests gives fewer.
    assert took_s < 3


def test_a_stream_ends_with_the_camera_and_after_its_time(
    bench: Bench, camera: SupervisedCamera, client: FlaskClient
) -> None:
    jpegs = client.application.extensions["clinicscope"].previews
    assert len(list(PreviewStreams().parts(camera, jpegs, length_s=0.3))) >= 2
    bench.fault = "unplugged"
    wait_until(lambda: not camera.status().live)
    assert len(list(PreviewStreams().parts(camera, jpegs))) == 1


def test_more_watchers_than_threads_are_sent_to_the_stills(client: FlaskClient) -> None:
    opened = [client.get("/camera/stream.mjpg", buffered=False) for _ in range(MOST_STREAMS)]
    assert client.get("/camera/stream.mjpg").status_code == 409
    assert client.get("/camera/preview.jpg").status_code == 200
    opened[0].close()
    again = client.get("/camera/stream.mjpg", buffered=False)
    assert again.status_code == 200
    for response in (*opened[1:], again):
        response.close()


def test_the_stream_is_behind_the_login(anonymous: FlaskClient) -> None:
    for address in ("/camera/stream.mjpg", "/camera/guide", "/camera/preview.jpg"):
        assert anonymous.get(address).status_code == 303


def test_the_guide_says_in_words_what_to_do(
    client: FlaskClient, bench: Bench, camera: SupervisedCamera
) -> None:
    assert submit(client, source="camera", label="S-9").status_code == 303
    wait_until(lambda: "Move the slide" in client.get("/camera/guide").text)
    page = client.get("/camera/guide").text
    assert value_of(page, "camera-state") == "live" and "sharp" in page and "good" in page
    bench.at = 1
    wait_until(lambda: "too dark" in client.get("/camera/guide").text)
    assert "raise the lamp" in client.get("/camera/guide").text
    bench.fault = "unplugged"
    wait_until(lambda: not camera.status().live)
    assert "There is no camera" in client.get("/camera/guide").text


def test_the_capture_page_has_a_picture_without_script_and_with_it(
    client: FlaskClient, service: ScreeningService
) -> None:
    response = submit(client, source="camera", label="S-9")
    page = client.get(response.location).text
    assert 'src="/camera/preview.jpg"' in page and 'data-stream="/camera/stream.mjpg"' in page
    assert "Take field" in page and "capture.js" in page
    wait_until(lambda: len(service.store.fields(response.location.rsplit("/", 1)[-1])) == 1)
