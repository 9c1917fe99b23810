"""Chest X-rays on the page: sent, read by the network, by a person, signed, reported."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_samples import program
from flask import Flask
from flask.testing import FlaskClient
from web_samples import token, value_of

from edge.contract.errors import BundleError, StorageFullError
from edge.screening.service import ScreeningService
from edge.store.records import CHEST_XRAY, FINAL, RUNNING, SpecimenDetails
from tests.support.drawn_radiographs import chest_png, draw_chest, load_drawn, write_dicom
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.xray_words import lean_words, xray_verdict

SICK, WELL = 90, -70
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def app(service: ScreeningService, tmp_path: Path) -> Iterator[Flask]:
    found = create_app(service, load_bundle=load_drawn(tmp_path / "bundles"))
    yield found
    found.extensions["clinicscope"].pictures.worker.close()


def send(client: FlaskClient, *files: bytes, **form: Any) -> Any:
    data = {"label": "X-1", "task": "cxr-pneumonia", "csrf_token": token(client, "/xrays/new")}
    data |= form
    data["images"] = [(io.BytesIO(content), f"{n}.png") for n, content in enumerate(files)]
    return client.post("/xrays/new", data=data, content_type="multipart/form-data")


def read(client: FlaskClient, *files: bytes, **form: Any) -> str:
    response = send(client, *files, **form)
    assert response.status_code == 303, response.text
    return str(response.location).rsplit("/", 1)[-1]


def judge(client: FlaskClient, page: str, label: str, **form: Any) -> Any:
    address = re.search(r'action="(/specimens/[^"]+/xrays/\d+)"', page)
    version = re.search(r'name="version" value="(\d+)"', page)
    secret = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert address and version and secret
    data = {"label": label, "version": version[1], "csrf_token": secret[1]} | form
    return client.post(address[1], data=data)


def test_picture_is_read_shown_judged_and_signed(
    client: FlaskClient, service: ScreeningService
) -> None:
    film = write_dicom(draw_chest(SICK), WindowCenter=128, WindowWidth=256)
    specimen_id = read(client, film, patient_id="P-9", age_band="0-4", site="Ward 2")
    address = f"/specimens/{specimen_id}"
    page = client.get(address).text
    assert value_of(page, "verdict") == "positive" and value_of(page, "label") == "pneumonia"
    assert "Looks like pneumonia" in page and "A trained person must read" in page
    assert "Secret" not in page and "Parasit" not in page and "red cell" not in page.lower()
    layer = client.get(f"{address}/xrays/0/heat.png")
    assert layer.mimetype == "image/png" and layer.data.startswith(b"\x89PNG")
    assert client.get(f"{address}/xrays/0/picture.jpg").mimetype == "image/jpeg"
    early = client.get(f"{address}/sign").text
    assert "wait for their reading" in early and "Red cells counted" not in early
    assert judge(client, page, "normal").status_code == 303
    page = client.get(address).text
    assert value_of(page, "said") == "normal"
    secret = token(client, f"{address}/sign")
    version = re.search(r'name="version" value="(\d+)"', client.get(f"{address}/sign").text)
    assert version
    signed = client.post(f"{address}/sign", data={"csrf_token": secret, "version": version[1]})
    assert signed.status_code == 303
    page = client.get(address).text
    assert value_of(page, "verdict") == "negative" and value_of(page, "result-status") == FINAL
    assert "No finding, read by a person" in page and "reader-answers" not in page
    specimen = service.store.specimen(specimen_id)
    assert (specimen.task, specimen.patient_id, specimen.site) == (CHEST_XRAY, "P-9", "Ward 2")
    assert client.get(f"{address}/report.pdf").data.startswith(b"%PDF-")
    listed = client.get("/specimens").text
    assert "Nothing found on the X-ray" in listed and "Chest X-ray, 1 picture" in listed
    amend = client.get(f"{address}/amend").text
    assert "No finding, read by a person" in amend and "parasites" not in amend


def test_what_cannot_be_read_is_never_normal(client: FlaskClient) -> None:
    refused = client.get(f"/specimens/{read(client, b'no picture')}").text
    assert value_of(refused, "verdict") == "refused" and "not an image" in refused
    assert "This is not a normal result." in refused and "No picture was kept" in refused
    mixed = client.get(f"/specimens/{read(client, chest_png(WELL), b'x')}").text
    assert value_of(mixed, "verdict") == "inconclusive"
    doubtful = client.get(f"/specimens/{read(client, chest_png(22))}").text
    assert value_of(doubtful, "verdict") == "inconclusive" and 'data-testid="doubt"' in doubtful
    for page in (refused, mixed, doubtful):
        assert "Nothing found" not in page


def test_form_says_what_is_wrong(client: FlaskClient, service: ScreeningService) -> None:
    for form, count, word in (
        ({"label": ""}, 1, "Write how the X-ray is marked"),
        ({"label": "x" * 80}, 1, "Use at most 60 characters"),
        ({"task": "malaria-cells"}, 1, "Choose one of the list"),
        ({"patient_id": "=1+1"}, 1, "field-error"),
        ({}, 0, "Choose 1 to 4 pictures"),
        ({}, 5, "Choose 1 to 4 pictures"),
    ):
        response = send(client, *[chest_png()] * count, **form)
        assert response.status_code == 422 and word in response.text, (form, count)
    assert service.store.specimens() == []


def test_bundle_that_is_missing_is_told(service: ScreeningService) -> None:
    def load(task: str) -> Any:
        raise BundleError(f"no bundle for {task!r} is installed")

    client = logged_in(create_app(service, load_bundle=load))
    response = send(client, chest_png())
    assert response.status_code == 409 and "no bundle for" in response.text
    assert service.store.specimens() == []


def test_two_people_at_once_are_told(client: FlaskClient) -> None:
    address = f"/specimens/{read(client, chest_png(SICK))}"
    page = client.get(address).text
    assert judge(client, page, "pneumonia").status_code == 303
    late = judge(client, page, "normal")
    assert late.status_code == 409 and "changed by someone else" in late.text
    fresh = client.get(address).text
    assert judge(client, fresh, "ring").status_code == 409
    assert value_of(client.get(address).text, "said") == "pneumonia"


def test_only_reviewers_judge(client: FlaskClient, client_as: Callable[..., FlaskClient]) -> None:
    address = f"/specimens/{read(client, chest_png(SICK))}"
    page = client_as("operator").get(address).text
    assert "reader-answers" not in page and value_of(page, "verdict") == "positive"
    full = client.get(address).text
    cell = re.search(r"/xrays/(\d+)\"", full)
    assert cell
    operator = client_as("operator")
    data = {"label": "normal", "csrf_token": token(operator, "/xrays/new")}
    assert operator.post(f"{address}/xrays/{cell[1]}", data=data).status_code == 403


def test_addresses_of_nothing_are_not_found(client: FlaskClient, service: ScreeningService) -> None:
    specimen_id = read(client, chest_png(SICK), b"no picture")
    smear = service.store.start_specimen("S-1", "simulated", {})
    for address in (
        "none/xrays/0/heat.png",
        f"{specimen_id}/xrays/9/heat.png",
        f"{specimen_id}/xrays/1/heat.png",
        f"{specimen_id}/xrays/1/picture.jpg",
        f"{specimen_id}/xrays/x/picture.jpg",
        f"{smear}/xrays/0/heat.png",
    ):
        assert client.get(f"/specimens/{address}").status_code == 404, address
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    data = {"label": "normal", "csrf_token": token(client, "/xrays/new")}
    assert client.post(f"/specimens/{smear}/xrays/{cell}", data=data).status_code == 404


def test_review_of_cells_leads_to_the_pictures(client: FlaskClient) -> None:
    address = f"/specimens/{read(client, chest_png(SICK))}"
    for page in ("review", "fields/0"):
        response = client.get(f"{address}/{page}")
        assert response.status_code == 303 and response.location.endswith(address)


def test_running_one_shows_no_result(client: FlaskClient, service: ScreeningService) -> None:
    details = SpecimenDetails(task=CHEST_XRAY)
    specimen_id = service.store.start_specimen("X-1", "upload", {"sources": ["a.png"]}, details)
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "status") == RUNNING and 'data-testid="verdict"' not in page
    assert "being read" in page


def test_power_cut_is_told_and_shows_no_normal_result(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = read(client, chest_png(WELL))
    with closing(sqlite3.connect(service.store.path)) as database, database:
        database.execute("UPDATE specimens SET status = 'running', report = NULL")
        database.execute("UPDATE specimens SET result_status = ''")
    service.store.recover()
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "verdict") == "inconclusive"
    assert "send them again" in page and "screen the slide" not in page
    assert client.get(f"/specimens/{specimen_id}/report.pdf").data.startswith(b"%PDF-")


def test_hostile_names_are_shown_as_text(client: FlaskClient) -> None:
    data = {
        "label": HOSTILE, "task": "cxr-pneumonia", "csrf_token": token(client, "/xrays/new"),
        "images": [(io.BytesIO(chest_png(SICK)), f"../{HOSTILE}.png")],
    }  # fmt: skip
    sent = client.post("/xrays/new", data=data, content_type="multipart/form-data")
    page = client.get(sent.location).text
    assert "&lt;script&gt;" in page and "<script>alert" not in page and ".." not in page


@pytest.mark.parametrize("verdict", ["none", None, "pending?", "normal"])
def test_unknown_verdict_is_no_result(verdict: str | None) -> None:
    assert str(xray_verdict(verdict).title) == "No result"


def test_words_of_leaning_grow() -> None:
    found = [str(lean_words(value)) for value in (0.4, 0.85, 0.99)]
    assert [word.split()[3] for word in found] == ["weakly", "clearly", "strongly"]
    assert lean_words(None) == ""


def test_disk_that_is_full_at_the_end_is_told_and_the_result_stored_later(
    client: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*args: Any) -> None:
        raise StorageFullError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(service.store, "finish_specimen", no_room)
        specimen_id = read(client, chest_png(SICK))
        page = client.get(f"/specimens/{specimen_id}").text
        assert value_of(page, "status") == "failed" and "are being read" not in page
        assert "The result is not stored yet" in page and "disk is full" in page
        assert "need not be sent again" in page and "Nothing found" not in page
        listed = client.get("/specimens").text
        assert "Nothing found" not in listed and "Failed" in listed
        told = program(client.application, service.store, ["specimens"])
        found = told.get(f"specimens/{specimen_id}").json
        assert (found["status"], found["error"]) == ("failed", "the disk is full")
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "verdict") == "positive" and value_of(page, "status") == "done"
