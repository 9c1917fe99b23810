"""Safe mode on the page: it says why and what to do, opens nothing, and is left by a button."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import submit, token

from edge.cameras.status import STUCK
from edge.cameras.supervised import STUCK_FOR_GOOD, SupervisedCamera
from edge.config import DeviceConfig
from edge.contract.errors import BundleError, BusyError
from edge.screening import reading
from edge.screening.picture_worker import PictureWorker
from edge.screening.service import ScreeningService
from edge.starts import begin, excuse, read_starts, this_start
from edge.store.audit import Audit
from edge.store.users import ADMIN, OPERATOR
from edge.watchdog import Heartbeat, HeartState
from tests.edge.cameras.test_supervised import QUICK, until
from tests.support.faulty_cameras import Bench
from tests.support.people import add_person, logged_in
from web_ui import create_app, heartbeat
from web_ui.device import device_of
from web_ui.heartbeat import PageAsked, camera_of, check_heart, own_host
from web_ui.restarting import Restart
from web_ui.safe_mode import no_bundle, open_safely
from web_ui.serve import make_server

WHY = "the service broke off 4 times in a row; the last known cause: camera: its driver hangs"
SAID = f"{WHY}; nothing is screened until it is started normally"


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[ScreeningService]:
    service = open_safely(tmp_path / "safe", DeviceConfig(), WHY)
    yield service
    service.close()


@pytest.fixture
def restarts() -> list[str]:
    return []


@pytest.fixture
def safe_app(safe: ScreeningService, restarts: list[str]) -> Flask:
    restart = Restart(lambda: restarts.append("ended"), delay_s=0.0)
    heart = Heartbeat(limit_s=30.0)
    device = device_of(safe.store, DeviceConfig(), restart, heart=heart)
    return create_app(safe, load_bundle=no_bundle, device=device)


def test_every_page_says_so_also_to_who_is_not_logged_in(
    safe_app: Flask, safe: ScreeningService
) -> None:
    add_person(safe.store)
    page = safe_app.test_client().get("/login").text
    assert SAID in page and "/safe-mode" not in page
    page = logged_in(safe_app).get("/health").text
    assert SAID in page and 'href="/safe-mode"' in page


def test_the_first_page_leads_to_what_to_do(safe_app: Flask) -> None:
    for role in (OPERATOR, ADMIN):
        browser = logged_in(safe_app, role, f"The {role}")
        answer = browser.get("/")
        assert answer.status_code == 302 and answer.headers["Location"] == "/safe-mode"
        page = browser.get("/safe-mode").text
        assert SAID in page and "Start normally" in page and 'href="/health"' in page
        assert 'href="/settings/models"' in page and 'href="/records"' in page


def test_nothing_is_opened_or_screened(safe_app: Flask, safe: ScreeningService) -> None:
    browser = logged_in(safe_app)
    state = safe.state()
    assert not state.ready and state.problem == f"safe mode: {SAID}" and state.camera is None
    assert submit(browser, source="simulated", fields="2").status_code == 409
    with pytest.raises(BusyError, match="safe mode"):
        safe.resume("any", "A. Reader")
    safe.reload(lambda: pytest.fail("a bundle was opened"))
    safe.use_camera(lambda: pytest.fail("a camera was opened"))
    assert not safe.state().ready and safe.camera is None
    with pytest.raises(BundleError, match="malaria-cells in safe mode"):
        no_bundle("malaria-cells")
    answer = browser.get("/healthz?checks")
    assert answer.status_code == 503 and answer.json["checks"]["accelerator"] == "failed"
    figures = browser.get("/metrics").text
    assert "clinicscope_safe_mode 1" in figures
    assert "clinicscope_heartbeats_total 0" in figures
    assert "clinicscope_heartbeat_age_seconds " in figures
    assert 'clinicscope_check_state{check="accelerator"} 2' in figures


def test_a_person_starts_it_normally(
    safe_app: Flask, safe: ScreeningService, restarts: list[str]
) -> None:
    home, now = safe.store.home, this_start("1", "2026-11-26T12:00:00+00:00")
    for _ in range(5):
        mode = begin(home, now).mode
    assert mode == "safe" and not any(one.excused for one in read_starts(home).broken)
    browser = logged_in(safe_app, OPERATOR)
    answer = browser.post("/safe-mode/leave", data={"csrf_token": token(browser, "/safe-mode")})
    assert answer.status_code == 303 and answer.headers["Location"] == "/safe-mode/leaving"
    page = browser.get("/safe-mode/leaving").text
    assert 'data-health="/healthz"' in page and 'data-next="/"' in page
    until(lambda: restarts == ["ended"])
    assert all(one.excused for one in read_starts(home).broken)
    assert "service.safe_mode_left" in [one.action for one in Audit(safe.store).entries()]
    excuse(home)


def test_a_device_that_runs_normally_has_no_such_page(client: FlaskClient) -> None:
    answer = client.get("/safe-mode")
    assert answer.status_code == 303 and answer.headers["Location"] == "/"
    form = {"csrf_token": token(client)}
    assert client.post("/safe-mode/leave", data=form).headers["Location"] == "/"
    assert "safe-mode" not in client.get("/").text


def test_states_of_checks_are_for_the_device_itself(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    told = client.get("/healthz?checks").json
    assert told["status"] == "ok" and told["checks"]["restarts"] == "ok"
    elsewhere = {"REMOTE_ADDR": "192.168.4.7"}
    assert client.get("/healthz?checks", environ_base=elsewhere).json == {"status": "ok"}


def test_the_page_is_asked_as_a_phone_does(app: Flask) -> None:
    server = make_server(app, "127.0.0.1", 0)
    asked = PageAsked("0.0.0.0", server.effective_port, tls=False)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert asked() == ""
    server.close()
    server.task_dispatcher.shutdown()
    assert asked().startswith("no answer within 4 s (Connection")
    assert [own_host(one) for one in ("::", "192.168.4.1", "localhost")] == [
        "::1", "192.168.4.1", "localhost",
    ]  # fmt: skip


def test_a_page_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(heartbeat, "ANSWERS_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for tls in (False, True):
            assert (
                PageAsked("127.0.0.1", port, tls=tls)() == "no answer within 0.2 s (TimeoutError)"
            )


def test_a_camera_that_is_stuck_is_a_reason_once(service: ScreeningService) -> None:
    assert camera_of(service, restarted_for_it=False)() == ""
    bench = Bench()
    bench.fault = "hang-open"
    camera = SupervisedCamera("v4l2", bench.open, QUICK)
    service.use_camera(lambda: camera)
    assert camera_of(service, restarted_for_it=False)() == ""
    until(lambda: camera.status().state == STUCK, 10)
    assert camera_of(service, restarted_for_it=False)() == STUCK_FOR_GOOD
    assert camera_of(service, restarted_for_it=True)() == ""
    bench.let_go.set()
    until(lambda: camera.hangs() == "", 10)
    camera._watched_s -= 3600
    camera._closing.set()
    assert camera.hangs() == ""


def test_a_field_that_never_ends_is_noticed(
    service: ScreeningService,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    screener: object,
) -> None:
    gate = threading.Event()
    screener.gate = gate  # type: ignore[attr-defined]
    monkeypatch.setattr(reading, "FIELD_S", 0.1)
    assert service.hangs() == ""
    assert submit(client, source="simulated", fields="2").status_code == 303
    until(lambda: service.hangs() == "the analysis of a field")
    gate.set()
    assert service.wait(20) and service.hangs() == ""


def test_pictures_that_never_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.screening.picture_worker.OPENING_S", 0.05)
    gate = threading.Event()

    def load(task: str) -> object:
        assert gate.wait(20)
        raise BundleError(task)

    worker = PictureWorker(load)  # type: ignore[arg-type]
    assert worker.hangs() == ""
    done = worker.submit("cxr-covid", lambda _: None)
    until(lambda: worker.hangs() == "the opening of the bundle for cxr-covid")
    gate.set()
    assert isinstance(done.exception(20), BundleError) and worker.hangs() == ""
    worker.close()


def test_heart_is_a_check() -> None:
    assert check_heart(HeartState()).detail == "all parts answer; no systemd watches this process"
    assert "after 30 s" in check_heart(HeartState(30.0, 4, 1.0)).detail
    found = check_heart(HeartState(30.0, 4, 40.0, "page: no answer"))
    assert (found.state, found.detail) == ("failed", "page: no answer") and found.advice
