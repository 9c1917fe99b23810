"""Single pictures by the API: a call for each in order, and none for what is no such picture."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from api_samples import Program, problem_of, program
from flask import Flask

import web_ui.api.predict as predict_module
from edge.cameras.smear import draw_cell
from edge.contract.errors import BundleError
from edge.contract.images import encode_image
from edge.screening.classifier import Classifier
from edge.screening.service import ScreeningService
from edge.store.tokens import PREDICT
from web_ui import create_app

Send = Callable[..., Any]


@pytest.fixture
def api(app: Flask, service: ScreeningService) -> Program:
    return program(app, service.store, [PREDICT])


def crop(kind: str, seed: int) -> bytes:
    image, mask = draw_cell(kind, seed, 120)
    return encode_image(image * mask[:, :, None])


def parts(**pictures: bytes) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(data), f"{name}.png") for name, data in pictures.items()]


def test_crops_get_a_call_each_in_order(api: Program, service: ScreeningService) -> None:
    whole = crop("ring", 40)
    sent = parts(ring=whole, cut=whole[:200], healthy=crop("uninfected", 41))
    answer = api.send("predict", images=sent)
    assert answer.status_code == 200, answer.text
    ring, cut, healthy = answer.json["items"]
    assert ring["call"] == "parasitised" and ring["score"] > 0.5 and not ring["refused"]
    assert healthy["call"] == "uninfected" and healthy["certainty"] > 0.5
    assert cut["call"] is None and cut["score"] is None and "truncated" in cut["refused"]
    assert [one["name"] for one in answer.json["items"]] == ["ring.png", "cut.png", "healthy.png"]
    assert answer.json["bundle_id"].startswith("malaria-cells")
    assert len(answer.json["bundle_sha256"]) == 64 and answer.json["runtime"] == "litert"
    assert "not for diagnosis" in answer.json["notice"]
    assert service.store.specimens() == [], "nothing of it is stored"
    names = {path.name for path in service.store.home.rglob("*") if path.is_file()}
    assert not any(name.endswith(".png") for name in names)


def test_what_is_no_x_ray_is_never_normal(api: Program) -> None:
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[:, :, 2] = 200
    _, dark = cv2.imencode(".png", np.zeros((64, 64), np.uint8))
    sent = parts(blue=encode_image(blue), text=b"no picture", dark=dark.tobytes())
    for task in ("cxr-pneumonia", "cxr-covid"):
        answer = api.ask(
            "POST",
            "predict",
            query_string={"task": task},
            data={"images": parts(blue=encode_image(blue), text=b"no", dark=dark.tobytes())},
            content_type="multipart/form-data",
        )
        assert answer.status_code == 200 and answer.json["task"] == task
        assert all(one["call"] is None and one["refused"] for one in answer.json["items"])
    assert "image is grey" in api.send("predict", images=sent[2:]).json["items"][0]["refused"]


def test_a_client_s_path_is_no_name(api: Program) -> None:
    sent = [(io.BytesIO(b"x"), "../../etc/<b>.png")]
    assert api.send("predict", images=sent).json["items"][0]["name"] == "b_.png"


def test_too_much_or_of_another_kind_is_refused(
    api: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [(io.BytesIO(b"x"), f"{n}.png") for n in range(predict_module.MOST_PICTURES + 1)]
    refused = api.send("predict", images=many)
    assert refused.status_code == 422 and "33 are sent; send at most 32" in problem_of(refused)
    assert api.post("predict", {"images": []}).status_code == 415
    other = api.ask("POST", "predict", query_string={"task": "sputum"}, data={})
    assert "task: 'sputum' is none of malaria-cells" in problem_of(other)


def test_a_bundle_that_must_not_be_used_calls_nothing(service: ScreeningService) -> None:
    def fail(task: str) -> Classifier:
        raise BundleError(f"golden tensors of {task} at /secret/path differ")

    app = create_app(service, load_bundle=fail)
    api = program(app, service.store, [PREDICT])
    refused = api.send("predict", images=parts(ring=crop("ring", 40)))
    assert refused.status_code == 503 and "secret" not in refused.text


def test_pictures_of_others_are_waited_for_but_not_for_ever(
    service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(task: str) -> Classifier:
        assert go_on.wait(10)
        raise BundleError("none")

    monkeypatch.setattr(predict_module, "PATIENCE_S", 0.05)
    api = program(create_app(service, load_bundle=slow), service.store, [PREDICT])
    refused = api.send("predict", images=parts(ring=crop("ring", 40)))
    assert refused.status_code == 409 and "ask again later" in problem_of(refused)
    go_on.set()
