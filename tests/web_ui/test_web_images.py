"""Single pictures on the page: one, many, their table, and who may see them."""

from __future__ import annotations

import csv
import io
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import token, value_of

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image
from edge.screening.service import ScreeningService
from tests.support.drawn_radiographs import chest_png, load_drawn
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.single_pictures import active_bundle

SICK, WELL = 90, -70


@pytest.fixture
def app(service: ScreeningService, tmp_path: Path) -> Iterator[Flask]:
    drawn, shipped = load_drawn(tmp_path / "bundles"), active_bundle(service.store.home)
    found = create_app(
        service,
        load_bundle=lambda task: drawn(task) if task == "cxr-pneumonia" else shipped(task),
    )
    yield found
    found.extensions["clinicscope"].pictures.worker.close()


def send(client: FlaskClient, *files: tuple[bytes, str], task: str = "cxr-pneumonia") -> Any:
    data = {
        "task": task,
        "csrf_token": token(client, "/image"),
        "images": [(io.BytesIO(content), name) for content, name in files],
    }
    return client.post("/image", data=data, content_type="multipart/form-data")


def wait(app: Flask) -> None:
    """What is queued is done once a later work is; a batch queues its next part itself."""
    worker = app.extensions["clinicscope"].pictures.worker
    for _ in range(10):
        worker.submit("cxr-pneumonia", lambda _: None).result(20)


def test_one_picture_shows_class_words_and_map(client: FlaskClient) -> None:
    sent = send(client, (chest_png(SICK), "chest.png"))
    assert sent.status_code == 303
    page = client.get(sent.location).text
    assert value_of(page, "call") == "pneumonia" and "The network leans" in page
    assert "a score, not a chance of illness" in page
    assert 'class="heat-layer"' in page and 'type="range"' in page and "style=" not in page
    for name in ("picture.png", "heat.png"):
        found = client.get(f"{sent.location}/{name}")
        assert found.data.startswith(b"\x89PNG"), name


def test_picture_that_is_none_is_refused_in_words(client: FlaskClient) -> None:
    sent = send(client, (b"no picture", "a.png"))
    page = client.get(sent.location).text
    assert value_of(page, "call") == "" and "not an image" in page
    assert "neither a healthy nor a normal result" in page
    for name in ("picture.png", "heat.png"):
        assert client.get(f"{sent.location}/{name}").status_code == 404


def test_cell_is_called_by_the_active_bundle(client: FlaskClient) -> None:
    crop, mask = draw_cell("ring", 3, 128)
    cell = np.where(mask[:, :, None], crop, 0).astype(np.uint8)
    sent = send(client, (encode_image(cell), "cell.png"), task="malaria-cells")
    page = client.get(sent.location).text
    assert value_of(page, "call") in ("parasitised", "uninfected", "")
    grey = encode_image(np.repeat(crop[:, :, :1], 3, axis=2))
    refused = send(client, (grey, "grey.png"), task="malaria-cells")
    assert "image is grey" in client.get(refused.location).text


def test_many_are_listed_counted_and_written_as_classify_does(
    app: Flask, client: FlaskClient
) -> None:
    files = [(chest_png(SICK), "a.png"), (chest_png(WELL), "b.png"), (b"x", "=c.png")] * 4
    sent = send(client, *files)
    wait(app)
    page = client.get(sent.location).text
    assert value_of(page, "read") == "12" and value_of(page, "count-refused") == "4"
    assert value_of(page, "count-pneumonia") == "4" and value_of(page, "count-normal") == "4"
    part = client.get(f"{sent.location}/rows").text
    assert "<html" not in part and "hx-get" not in part
    table = client.get(f"{sent.location}/results.csv")
    assert "attachment" in table.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert list(rows[0]) == ["path", "score", "call", "novelty", "refused"]
    assert [row["path"] for row in rows[:3]] == ["a.png", "b.png", "c.png"]
    assert rows[3]["path"] == "a-2.png" and not rows[2]["call"] and rows[2]["refused"]


def test_list_says_where_a_call_is_doubtful(app: Flask, client: FlaskClient) -> None:
    sent = send(client, (chest_png(22), "a.png"), (chest_png(WELL), "b.png"))
    wait(app)
    page = client.get(sent.location).text
    assert page.count("Not sure: Normal") == 1 and page.count("tone-unsure") == 1


def test_list_of_a_running_batch_asks_again(app: Flask, client: FlaskClient) -> None:
    gate = threading.Event()
    pictures = app.extensions["clinicscope"].pictures
    pictures.worker.submit("cxr-pneumonia", lambda _: gate.wait(10))
    sent = send(client, (chest_png(SICK), "a.png"), (chest_png(WELL), "b.png"))
    page = client.get(sent.location).text
    assert "hx-trigger" in page and "waits" in page and 'data-testid="done"' not in page
    gate.set()
    wait(app)
    assert 'data-testid="done"' in client.get(sent.location).text


def test_form_says_what_is_wrong(client: FlaskClient) -> None:
    for task, count, word in (
        ("cxr-pneumonia", 0, "Choose at least one picture"),
        ("malaria-superres", 1, "Choose what the pictures show"),
        ("", 1, "Choose what the pictures show"),
    ):
        response = send(client, *[(chest_png(), "a.png")] * count, task=task)
        assert response.status_code == 422 and word in response.text, task


def test_batch_is_seen_by_its_owner_alone(
    client: FlaskClient, client_as: Callable[..., FlaskClient], anonymous: FlaskClient
) -> None:
    sent = send(client, (chest_png(SICK), "a.png"))
    batch = sent.location.rsplit("/", 1)[0]
    other = client_as("admin", "Someone else")
    for end in ("", "/rows", "/results.csv", "/0", "/0/picture.png", "/0/heat.png"):
        assert client.get(batch + end).status_code == 200, end
        assert other.get(batch + end).status_code == 404, end
        assert anonymous.get(batch + end).status_code == 303, end
    for wrong in ("/image/none", f"{batch}/1", f"{batch}/x", f"{batch}/-1"):
        assert client.get(wrong).status_code == 404, wrong


def test_too_many_batches_are_told(app: Flask, client: FlaskClient) -> None:
    gate = threading.Event()
    pictures = app.extensions["clinicscope"].pictures
    pictures.worker.submit("cxr-pneumonia", lambda _: gate.wait(10))
    answers = [send(client, (chest_png(), f"{n}.png")) for n in range(5)]
    assert [answer.status_code for answer in answers] == [303] * 4 + [409]
    assert "wait until they are done" in answers[-1].text
    assert len(list(pictures.batches.folder.iterdir())) == 4
    gate.set()


def test_bundle_that_is_missing_is_told(service: ScreeningService, tmp_path: Path) -> None:
    app = create_app(service, load_bundle=load_drawn(tmp_path / "bundles"))
    client = logged_in(app)
    one = send(client, (chest_png(), "a.png"), task="malaria-cells")
    page = client.get(one.location)
    assert page.status_code == 409 and "no bundle for" in page.text
    two = send(client, (chest_png(), "a.png"), (chest_png(), "b.png"), task="malaria-cells")
    wait(app)
    assert "no bundle for" in client.get(two.location).text


def test_disk_that_is_full_or_refuses_is_told(app: Flask, client: FlaskClient) -> None:
    secret, noise = token(client, "/image"), np.random.default_rng(1).bytes(600_000)
    data = {"task": "cxr-pneumonia", "csrf_token": secret}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        files = [(io.BytesIO(noise[:450_000]), "a.png")]
        full = client.post("/image", data=data | {"images": files})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.status_code == 507 and "no room for" in full.text
    folder = app.extensions["clinicscope"].pictures.batches.folder
    assert not list(folder.iterdir())
    folder.rmdir()
    folder.write_text("in the way")
    assert send(client, (chest_png(), "a.png")).status_code == 409


def test_nothing_becomes_a_record(client: FlaskClient, service: ScreeningService) -> None:
    send(client, (chest_png(SICK), "a.png"))
    assert service.store.specimens() == []
