"""Health: the checks as `doctor` makes them, the log, and the file for support."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import token, value_of

from edge.contract.errors import BusyError
from edge.health import FAILED, OK
from edge.log_file import LOG_FILE, LOGS_FOLDER
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.users import OPERATOR
from tests.support.people import logged_in
from web_ui import create_app, health
from web_ui.child_run import ChildRun, ChildState, end_children
from web_ui.device import device_of

CHECKS = [
    {"name": "disk", "state": "ok", "detail": "9.0 GB free", "advice": ""},
    {"name": "records", "state": "failed", "detail": "<b>broken</b>", "advice": "restore a backup"},
    {"name": "litert/gpu", "state": "absent", "detail": "no such device", "advice": ""},
]


def speak(text: str, code: int = 0) -> tuple[str, ...]:
    """A child that writes a text."""
    return "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({code})"


@pytest.fixture
def doctor(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ChildRun:
    """The checks are those above."""
    monkeypatch.setattr(health, "_DOCTOR", speak(json.dumps(CHECKS), 3))
    found: ChildRun = app.extensions["clinicscope.device"].doctor
    return found


def test_the_first_look_begins_the_checks_and_the_page_follows_them(
    client: FlaskClient, doctor: ChildRun
) -> None:
    assert 'hx-get="/health/checks"' in client.get("/health").text
    doctor.wait(20)
    part = client.get("/health/checks").text
    assert value_of(part, "checks") == FAILED and "hx-get" not in part and "<html" not in part
    assert "&lt;b&gt;broken" in part and "restore a backup" in part and "Not there" in part
    assert part.index("broken") < part.index("9.0 GB free") < part.index("no such device")
    first = doctor.state().ended_utc
    assert first in (part, doctor.state().ended_utc)
    form = {"csrf_token": token(client, "/health")}
    assert client.post("/health/check", data=form).status_code == 303
    assert doctor.wait(20).exit_code == 3


def test_the_checks_compute_with_what_the_service_was_told(
    service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "import sys, json; sys.exit(json.dumps(sys.argv[1:]))"
    monkeypatch.setattr(health, "_DOCTOR", ("-c", told, "doctor", "--json"))
    flags = ("--accelerator", "cpu", "--delegate", "/x.so?a=b")
    app = create_app(service, device=device_of(service.store, flags=flags))
    logged_in(app).get("/health")
    state = app.extensions["clinicscope.device"].doctor.wait(20)
    assert json.loads(state.error) == ["doctor", "--json", *flags]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (speak("no json", 1), "ended with code 1"),
        (speak('[{"name": 1}]'), "ended with code 0"),
        (("-c", "import sys; sys.exit('error: config.toml is wrong')"), "config.toml is wrong"),
    ],
)
def test_checks_that_cannot_be_made_are_no_good_news(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(health, "_DOCTOR", words)
    client.get("/health")
    app.extensions["clinicscope.device"].doctor.wait(20)
    page = client.get("/health").text
    assert said in page and "The checks could not be made" in page
    assert value_of(page, "checks") == "" and "In order" not in page


def test_the_real_doctor_answers(client: FlaskClient, app: Flask) -> None:
    client.get("/health")
    state = app.extensions["clinicscope.device"].doctor.wait(120)
    checks, problem = health.read_checks(state)
    assert not problem
    states = {check.name: check.state for check in checks}
    assert states["disk"] == states["records"] == states["bundle"] == OK
    assert FAILED not in states.values(), checks
    assert value_of(client.get("/health/checks").text, "checks") in ("warning", "ok")


def test_operators_see_the_checks_and_admins_the_log(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService,
    doctor: ChildRun,
) -> None:  # fmt: skip
    folder = service.store.home / LOGS_FOLDER
    folder.mkdir()
    (folder / LOG_FILE).write_text("2026-11-26T12:00:00Z WARNING edge: <i>odd</i>\n")
    assert "&lt;i&gt;odd" in client.get("/health").text
    page = client_as(OPERATOR).get("/health").text
    assert "odd" not in page and "Make the file for support" not in page
    assert client_as(OPERATOR).post(
        "/health/support", data={"csrf_token": token(client_as(OPERATOR), "/health")}
    ).status_code in (400, 403)


def test_one_button_makes_the_file_for_support(
    client: FlaskClient, service: ScreeningService, doctor: ChildRun
) -> None:
    service.store.start_specimen("Amina of bed 4", "simulated", {})
    form = {"csrf_token": token(client, "/specimens/new")}
    response = client.post("/health/support", data=form)
    assert response.mimetype == "application/zip" and b"Amina" not in response.data
    assert "attachment" in response.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        text = archive.read("clinicscope-support/checks.json").decode()
        assert "Amina" not in text and "no such device" in text
    assert Audit(service.store).entries(1)[0].action == "support.made"


def test_a_child_is_one_at_a_time_stopped_on_request_and_read_whole(tmp_path: Path) -> None:
    child = ChildRun(tmp_path, lambda: "then")
    assert child.state() == ChildState() == child.wait(1)
    child.stop()
    child.start(("-c", "print('line', flush=True); import time; time.sleep(60)"))
    with pytest.raises(BusyError, match="at work already"):
        child.start(speak("never"))
    child.stop()
    ended = child.wait(20)
    assert ended.exit_code is not None and ended.exit_code < 0 and ended.ended_utc == "then"
    child.start(("-c", "import os, sys; print(os.environ['CLINICSCOPE_HOME']); sys.exit('why')"))
    ended = child.wait(20)
    assert (ended.output.strip(), ended.line, ended.exit_code) == (str(tmp_path),) * 2 + (1,)
    assert ended.error.strip() == "why"
    child.start(("-c", "import sys; sys.stderr.write('x' * 1_000_000); print('end')"))
    assert child.wait(20).output == "end\n"


def test_no_child_outlives_the_service(tmp_path: Path) -> None:
    child = ChildRun(tmp_path, lambda: "then")
    child.start(("-c", "import time; time.sleep(600)"))
    end_children()
    assert not child.wait(20).running


def test_this_program_is_what_runs(tmp_path: Path) -> None:
    child = ChildRun(tmp_path, lambda: "then")
    child.start(("-c", "import sys; print(sys.executable)"))
    assert child.wait(20).line == sys.executable
