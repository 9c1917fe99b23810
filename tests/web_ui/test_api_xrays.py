"""Chest X-rays by the API: sent, followed and read as any specimen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_samples import Program, problem_of, program
from flask import Flask
from web_samples import wait_until

from edge.contract.errors import BundleError
from edge.screening.service import ScreeningService
from edge.store.records import CHEST_XRAY
from edge.store.register import Patient, Register
from edge.store.tokens import PREDICT, RESULTS, SPECIMENS
from tests.support.drawn_radiographs import chest_png, draw_chest, load_drawn, write_dicom
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.api import xrays

SICK, WELL = 90, -70


@pytest.fixture
def app(service: ScreeningService, tmp_path: Path) -> Iterator[Flask]:
    found = create_app(service, load_bundle=load_drawn(tmp_path / "bundles"))
    yield found
    found.extensions["clinicscope"].pictures.worker.close()


@pytest.fixture
def api(app: Flask, service: ScreeningService) -> Program:
    return program(app, service.store, [SPECIMENS, RESULTS])


def pictures(*contents: bytes) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(content), f"x{n}.dcm") for n, content in enumerate(contents)]


def send(api: Program, *contents: bytes, **form: Any) -> Any:
    return api.send("xrays", label="X-7", images=pictures(*contents), **form)


def test_an_x_ray_is_started_followed_and_read(
    api: Program, app: Flask, service: ScreeningService
) -> None:
    Register(service.store).add_patient(Patient("P-9"))
    film = write_dicom(draw_chest(SICK), WindowCenter=128, WindowWidth=256)
    started = send(api, film, chest_png(WELL), patient_id="P-9", site="Ward 2", barcode="KX-1")
    assert started.status_code == 201, started.text
    where = started.location
    assert where.startswith("/api/v1/specimens/") and started.json["task"] == CHEST_XRAY
    wait_until(lambda: api.get(where).json["status"] == "done")
    found = api.get(where).json
    assert (found["patient_id"], found["site"], found["barcode"]) == ("P-9", "Ward 2", "KX-1")
    assert found["operator"] == "laboratory" and found["result_status"] == "preliminary"
    result = api.get(f"{where}/result").json
    assert result["verdict"] == "positive" and "not for diagnosis" in result["notice"]
    report = result["report"]
    assert report["finding"] == "pneumonia" and report["bundle_sha256"] and report["runtime"]
    labels = [one["label"] for one in report["radiographs"]]
    assert labels == ["pneumonia", "normal"]
    fields = api.get(f"{where}/fields").json["items"]
    assert [field["name"] for field in fields] == ["x0.dcm", "x1.dcm"]
    assert "Secret" not in str(fields) + str(result)
    listed = api.get("specimens", task=CHEST_XRAY).json["items"]
    assert [one["specimen_id"] for one in listed] == [found["specimen_id"]]
    assert api.get("results", task=CHEST_XRAY).json["items"][0]["verdict"] == "positive"
    assert logged_in(app).get(f"/specimens/{found['specimen_id']}").status_code == 200


def test_what_cannot_be_read_is_never_negative(api: Program) -> None:
    where = send(api, b"no picture", task="cxr-covid").location
    wait_until(lambda: api.get(where).json["status"] == "done")
    assert api.get(f"{where}/result").json["verdict"] == "refused"


def test_stopping_does_nothing_to_one_that_is_read(api: Program) -> None:
    where = send(api, chest_png(WELL)).location
    wait_until(lambda: api.get(where).json["status"] == "done")
    assert api.post(f"{where}/stop").json["status"] == "done"


def test_wrong_values_are_named_and_nothing_is_stored(
    api: Program, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form, told in (
        ({"task": "malaria-cells"}, "task: 'malaria-cells' is none of cxr-pneumonia, cxr-covid"),
        ({"sex": "f"}, "sex: unknown"),
        ({"site": "=SUM(A1)"}, "site:"),
    ):
        refused = send(api, chest_png(WELL), **form)
        assert refused.status_code == 422 and told in problem_of(refused), form
    assert "send a file at least" in problem_of(send(api))
    many = send(api, *[b"x"] * 5)
    assert many.status_code == 422 and "5 are sent; send at most 4" in problem_of(many)
    nobody = send(api, chest_png(WELL), patient_id="P-8")
    assert nobody.status_code == 409 and "add the patient first" in problem_of(nobody)
    assert api.post("xrays", {"label": "X-7"}).status_code == 415
    monkeypatch.setattr(xrays, "MOST_BYTES", 10)
    monkeypatch.setattr("edge.xray.service.MOST_BYTES", 10)
    large = send(api, chest_png(WELL))
    assert large.status_code == 422 and "send a smaller picture" in problem_of(large)
    assert service.store.specimens() == []


def test_it_needs_the_scope_of_specimens(app: Flask, service: ScreeningService) -> None:
    other = program(app, service.store, [PREDICT, RESULTS])
    assert send(other, chest_png(WELL)).status_code == 403
    assert service.store.specimens() == []


def test_a_bundle_that_must_not_be_used_starts_nothing(service: ScreeningService) -> None:
    def fail(task: str) -> Any:
        raise BundleError(f"no bundle for {task!r} at /secret/path")

    app = create_app(service, load_bundle=fail)
    refused = send(program(app, service.store, [SPECIMENS]), chest_png(WELL))
    assert refused.status_code == 503 and "/secret/path" not in problem_of(refused)
    assert service.store.specimens() == []
    app.extensions["clinicscope"].pictures.worker.close()
