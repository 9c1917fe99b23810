"""The API: who may ask, what is refused and why, specimens from start to result."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from api_samples import Program, check_problem, problem_of, program, secret_of
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, wait_until

from edge.contract.errors import BundleError, StorageFullError, StoreError
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.records import Patient
from edge.store.register import Register
from edge.store.results import Results
from edge.store.store import Store
from edge.store.tokens import HEALTH, PREDICT, RESULTS, SCOPES, SPECIMENS, Tokens
from web_ui import create_app


def slide(**changes: Any) -> dict[str, Any]:
    """A simulated one."""
    return {"label": "S-0142", "simulated": {"seed": 3, "fields": 2} | changes}


@pytest.fixture
def api(app: Flask, service: ScreeningService) -> Program:
    return program(app, service.store)


@pytest.fixture
def done(api: Program, service: ScreeningService) -> str:
    """Id of a specimen that was screened."""
    return screen(api, service)


def screen(api: Program, service: ScreeningService, **form: Any) -> str:
    """A field is sooner sent than drawn."""
    answer = api.send("specimens", **{"label": "S-0142", "images": upload(200)} | form)
    assert answer.status_code == 201, answer.text
    assert service.wait(10)
    return str(answer.json["specimen_id"])


def upload(*levels: int) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(field_png(level)), f"f{n}.png") for n, level in enumerate(levels)]


ASKED = [
    ("GET", "specimens", SPECIMENS),
    ("POST", "specimens", SPECIMENS),
    ("GET", "specimens/none", SPECIMENS),
    ("GET", "specimens/none/fields", SPECIMENS),
    ("POST", "specimens/none/stop", SPECIMENS),
    ("GET", "specimens/none/result", RESULTS),
    ("GET", "specimens/none/results", RESULTS),
    ("GET", "results", RESULTS),
    ("POST", "predict", PREDICT),
    ("GET", "health", HEALTH),
]


@pytest.mark.parametrize(("method", "path", "scope"), ASKED)
def test_each_operation_needs_a_token_with_its_scope(
    app: Flask, service: ScreeningService, method: str, path: str, scope: str
) -> None:
    revoked = Tokens(service.store).create("old", [scope], "test")
    Tokens(service.store).revoke(revoked[0].token_id, "test")
    for secret in ("", "cs_guessed", revoked[1]):
        refused = Program(app.test_client(), secret).ask(method, path)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].lower().startswith("bearer")
    others = program(app, service.store, [one for one in SCOPES if one != scope])
    assert others.ask(method, path).status_code == 403
    assert program(app, service.store, [scope]).ask(method, path).status_code not in (401, 403)


def test_a_person_s_session_is_no_token(
    client: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a page elsewhere cannot make her browser act, as no CSRF token is asked here."""
    assert client.get("/").status_code == 200
    session = Program(client)
    assert session.get("results").status_code == 401
    assert session.post("specimens", slide()).status_code == 401
    assert service.store.specimens() == []


def test_a_specimen_from_start_to_signed_result(
    api: Program, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.gate = threading.Event()
    started = api.post("specimens", slide() | {"site": "Moussoro – Nord", "barcode": "B-7"})
    assert started.status_code == 201, started.text
    specimen_id = started.json["specimen_id"]
    assert started.headers["Location"] == f"/api/v1/specimens/{specimen_id}"
    assert started.json["status"] == "running" and started.json["barcode"] == "B-7"
    assert started.json["operator"] == "laboratory" and started.json["site"] == "Moussoro – Nord"
    assert api.get("health").json["screening"] == specimen_id
    early = api.get(f"specimens/{specimen_id}/result")
    assert early.status_code == 409 and "no result yet" in problem_of(early)
    assert int(early.headers["Retry-After"]) > 0
    assert api.get("results").json["items"] == []
    screener.gate.set()
    assert service.wait(10)
    found = api.get(f"specimens/{specimen_id}").json
    assert found["status"] == "done" and found["fields_read"] == 2
    result = api.get(f"specimens/{specimen_id}/result").json
    assert result["status"] == "preliminary" and result["by"] == "device"
    assert result["report"]["rbc_count"] == 120 and "not for diagnosis" in result["notice"]
    Results(service.store).sign(specimen_id, "A. Reader")
    versions = api.get(f"specimens/{specimen_id}/results").json["items"]
    assert [one["status"] for one in versions] == ["preliminary", "final"]
    (listed,) = api.get("results", result_status="final").json["items"]
    assert listed == versions[-1] and listed["by"] == "A. Reader"
    assert api.get("results", result_status="preliminary").json["items"] == []


def test_fields_are_uploaded_screened_and_read_in_pages(
    api: Program, service: ScreeningService
) -> None:
    answer = api.send("specimens", label="S-9", images=upload(200, 10, 180))
    assert answer.status_code == 201, answer.text
    assert service.wait(10)
    path = f"specimens/{answer.json['specimen_id']}/fields"
    first = api.get(path, limit=2).json
    assert [one["name"] for one in first["items"]] == ["f0.png", "f1.png"] and first["next"] == 1
    last = api.get(path, limit=2, after=1).json
    assert [one["index"] for one in last["items"]] == [2] and last["next"] is None
    whole, dark, _ = *first["items"], *last["items"]
    assert whole["usable"] and len(whole["cells"]) == 61
    assert not dark["usable"] and "too dark" in dark["reason"] and dark["rbc_count"] == 0


def test_lists_come_in_pages_and_by_what_is_asked(api: Program, service: ScreeningService) -> None:
    Register(service.store).add_patient(Patient("P-1"))
    made = [screen(api, service, label=f"S-{n}") for n in range(3)]
    made.append(screen(api, service, label="T-1", patient_id="P-1"))
    for path in ("specimens", "results"):
        first = api.get(path, limit=3).json
        assert [one["specimen_id"] for one in first["items"]] == made[:0:-1]
        rest = api.get(path, limit=3, after=first["next"]).json
        assert [one["specimen_id"] for one in rest["items"]] == made[:1] and rest["next"] is None
        (hers,) = api.get(path, patient_id="P-1").json["items"]
        assert hers["specimen_id"] == made[3]
        today = service.store.now()[:10]
        assert len(api.get(path, from_date=today).json["items"]) == 4
        assert api.get(path, before_date=today).json["items"] == []
        assert api.get(path, task="chest-xray").json["items"] == []
        assert "no specimen" in problem_of(api.get(path, after="none"))
    assert len(api.get("specimens", begins="S-").json["items"]) == 3
    assert api.get("specimens", status="running").json["items"] == []
    assert api.get("specimens", barcode="none").json["items"] == []
    verdict = api.get("results").json["items"][0]["verdict"]
    assert len(api.get("results", verdict=verdict).json["items"]) == 4


def test_a_specimen_that_failed_is_never_negative(
    api: Program, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.failure = RuntimeError("the network broke")
    specimen_id = screen(api, service)
    found = api.get(f"specimens/{specimen_id}").json
    assert found["status"] == "failed" and "the network broke" in found["error"]
    result = api.get(f"specimens/{specimen_id}/result").json
    assert result["verdict"] == "inconclusive" and not result["report"]["finished"]


def test_stopping_ends_the_specimen_at_work_and_no_other(
    api: Program, service: ScreeningService, screener: ScriptedScreener, done: str
) -> None:
    screener.gate = threading.Event()
    running = api.post("specimens", slide(fields=50)).json["specimen_id"]
    assert api.post(f"specimens/{done}/stop").json["status"] == "done"
    assert api.get("health").json["screening"] == running
    assert api.post(f"specimens/{running}/stop").status_code == 200
    assert api.post("specimens/none/stop").status_code == 404
    screener.gate.set()
    assert service.wait(10)
    assert api.get(f"specimens/{running}").json["status"] == "stopped"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"limit": "0"}, "limit: 0 is not from 1 to 200"),
        ({"limit": "many"}, "limit: 'many' is not a whole number"),
        ({"limit": "9" * 30}, "is not a whole number"),
        ({"limit": ["1", "2"]}, "limit: given twice"),
        ({"colour": "red"}, "colour: unknown; known: limit"),
        ({"status": "lost"}, "status: 'lost' is none of running"),
        ({"from_date": "2026-02-30"}, "no date such as"),
        ({"from_date": "yesterday"}, "does not look like"),
        ({"patient_id": "../x"}, "patient_id: '../x' does not look like"),
        ({"barcode": "B-1\n"}, "barcode: 'B-1\\n' does not look like"),
        ({"begins": ""}, "begins: has 0 characters"),
        ({"begins": "x" * 101}, "begins: has 101 characters"),
    ],
)
def test_a_query_that_cannot_be_taken_says_why(
    api: Program, query: dict[str, Any], told: str
) -> None:
    refused = api.get("specimens", **query)
    assert refused.status_code == 422 and told in problem_of(refused)


def test_a_query_where_none_is_taken_is_refused(api: Program) -> None:
    assert "colour: no query is taken" in problem_of(api.get("health", colour="red"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON"),
        (b"[" * 50_000, "the body is no JSON"),
        (b"[]", "the body is no JSON object"),
        (b'{"label": NaN}', "NaN is no number of JSON"),
        (b"\xff", "the body is no JSON"),
        ({}, "label: missing"),
        ({"label": ""}, "label: has 0 characters"),
        ({"label": " - "}, "label: ' - ' does not look like"),
        ({"label": "x" * 61}, "label: has 61 characters"),
        ({"label": "S\ud800"}, "half of a surrogate pair"),
        ({"label": 7}, "label: 7 is not a text"),
        ({"label": None}, "label: null is not a text"),
        (slide(fields=0), "simulated.fields: 0 is not from 1 to 60"),
        (slide(fields=1.5), "simulated.fields: 1.5 is not a whole number"),
        (slide(fields=True), "simulated.fields: true is not a whole number"),
        (slide(parasitaemia_fraction=10**400), "is not from 0 to 1"),
        (slide(shape=2, seed=None), "simulated.shape: unknown; known: seed"),
        (slide(seed=None), "simulated.seed: null is not a whole number"),
        ({"label": "S-1", "simulated": True}, "simulated: true is not an object"),
        (slide() | {"site": "=1+1"}, "site: '=1+1' does not look like"),
        (slide() | {"colour": 1, "shape": 2}, "colour: unknown; known: label"),
    ],
)
def test_a_body_that_cannot_be_taken_says_why(
    api: Program, service: ScreeningService, body: Any, told: str
) -> None:
    refused = api.post("specimens", body)
    assert refused.status_code == 422 and told in problem_of(refused)
    assert service.store.specimens() == []


def test_numbers_may_be_written_as_json_allows(api: Program, service: ScreeningService) -> None:
    """1 is 1.0 there."""
    body = slide(fields=1.0, parasitaemia_fraction=1) | {"barcode": None}
    assert api.post("specimens", body).status_code == 201
    assert service.wait(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_body_of_another_kind_or_size_is_refused(api: Program) -> None:
    assert api.post("specimens", b"label: S-1", content_type="text/yaml").status_code == 415
    assert "send application/json or multipart" in problem_of(api.post("specimens"))
    large = api.post("specimens", b'{"label": "' + b"x" * 70_000 + b'"}')
    assert large.status_code == 413
    huge = api.send("specimens", label="S-1", images=[(io.BytesIO(b"x" * 2_100_000), "a.png")])
    assert huge.status_code == 413 and problem_of(huge)


# Werkzeug leaves the parts it had read to the garbage collector when it gives up on a body.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_form_that_cannot_be_taken_says_why(api: Program, service: ScreeningService) -> None:
    assert "images: missing" in problem_of(api.send("specimens", label="S-1"))
    other = api.send("specimens", label="S-1", pictures=upload(200))
    assert "pictures: no file is taken under this name" in problem_of(other)
    seed = api.send("specimens", label="S-1", seed="1", images=upload(200))
    assert "seed: unknown" in problem_of(seed)
    many = [(io.BytesIO(b"x"), f"{n}.png") for n in range(501)]
    refused = api.send("specimens", label="S-1", images=many)
    assert refused.status_code == 422 and "501 are sent; send at most 500" in problem_of(refused)
    assert service.store.specimens() == [] and not (service.store.home / "uploads").exists()


def test_a_patient_who_is_not_in_the_register_is_told_before_anything_is_kept(
    api: Program, service: ScreeningService
) -> None:
    answers = [
        api.post("specimens", slide() | {"patient_id": "P-9"}),
        api.send("specimens", label="S-1", patient_id="P-9", images=upload(200)),
    ]
    for refused in answers:
        assert refused.status_code == 409 and "add the patient first" in problem_of(refused)
    assert not (service.store.home / "uploads").exists()


def test_a_device_at_work_says_when_to_come_again(
    api: Program, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.gate = threading.Event()
    api.send("specimens", label="S-1", images=upload(200, 190))
    wait_until(lambda: any((service.store.home / "uploads").rglob("*.png")))
    for refused in (
        api.post("specimens", slide()),
        api.send("specimens", label="S-2", images=upload(200)),
    ):
        assert refused.status_code == 409 and int(refused.headers["Retry-After"]) > 0
        assert "wait" in problem_of(refused)
    assert len(list((service.store.home / "uploads").rglob("*.png"))) == 2, "still at work"
    screener.gate.set()


def test_a_device_without_a_camera_says_what_else_can_be_sent(api: Program) -> None:
    refused = api.post("specimens", {"label": "S-1"})
    assert refused.status_code == 409 and "send images" in problem_of(refused)


def test_a_device_that_must_not_screen_says_so(tmp_path: Path) -> None:
    def fail() -> ScriptedScreener:
        raise BundleError("golden tensors differ; install the bundle again")

    service = ScreeningService(Store(tmp_path / "other"), fail)
    api = program(create_app(service), service.store)
    health = api.get("health").json
    assert not health["ready"] and "golden tensors differ" in health["problem"]
    assert health["bundle_id"] is None and health["camera"] is None
    refused = api.post("specimens", slide())
    assert refused.status_code == 409 and "must not screen" in problem_of(refused)
    service.close()


def test_health_tells_what_runs_and_healthz_no_more_than_up(
    api: Program, anonymous: FlaskClient
) -> None:
    health = api.get("health").json
    assert health["ready"] and health["bundle_id"] == "malaria-cells-1.2.0"
    assert health["runtime"] == "litert" and health["screening"] is None
    assert health["disk_free_bytes"] > 0 and health["waiting_to_send"] == 0
    assert anonymous.get("/healthz").json == {"status": "ok"}
    assert anonymous.get("/api/v1/health").status_code == 401


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreError("disk /secret/path"), 500),
        (StorageFullError("disk /secret/path"), 507),
        (BundleError("bundle /secret/path"), 503),
        (RuntimeError("/secret/path"), 500),
    ],
)
def test_what_went_wrong_inside_stays_inside(
    api: Program, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Store, "specimen", fail)
    refused = api.get("specimens/any")
    assert refused.status_code == code
    assert "secret" not in refused.text and refused.headers["X-Content-Type-Options"] == "nosniff"


def test_addresses_and_methods_that_are_none_are_problems(api: Program) -> None:
    assert api.get("nothing").status_code == 404
    assert api.get("specimens/..%2f..%2frecords.db").status_code == 404
    refused = api.ask("DELETE", "specimens")
    assert refused.status_code == 405 and "GET" in refused.headers["Allow"]


def test_a_request_that_is_one_too_many_says_when_to_come_again(app: Flask) -> None:
    from werkzeug.datastructures import Headers
    from werkzeug.exceptions import TooManyRequests

    from web_ui.api.problems import answer_error

    with app.test_request_context("/api/v1/health"):
        answer = answer_error(TooManyRequests("slowly", retry_after=7))
    assert Headers(answer.headers)["Retry-After"] == "7"
    assert json.loads(answer.data)["title"] == "Too Many Requests"


def test_nothing_that_is_secret_is_in_an_answer(app: Flask, service: ScreeningService) -> None:
    secret = secret_of(service.store)
    asked = Program(app.test_client(), secret)
    for path in ("specimens", "results", "health", "openapi.json", "nothing"):
        assert secret not in asked.get(path).text
    check_problem(asked.get("nothing"))


def test_the_log_says_what_a_program_saw(
    app: Flask, api: Program, service: ScreeningService
) -> None:
    specimen_id = screen(api, service)
    base = f"specimens/{specimen_id}"
    for path in ("results", f"{base}/result", f"{base}/fields") * 2:
        api.get(path).close()
    api.get("specimens/none/result").close()
    lines = [line for line in Audit(service.store).entries() if line.action.endswith(".seen")]
    assert [(line.by, line.action, line.subject) for line in reversed(lines)] == [
        ("program laboratory", "results.seen", "/api/v1/results"),
        ("program laboratory", "result.seen", specimen_id),
        ("program laboratory", "field.seen", specimen_id),
    ]
