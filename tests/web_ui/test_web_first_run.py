"""The first run: from a blank device to a practice slide, by no default password."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener

from edge.config import load_config
from edge.contract.errors import BundleError
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.setup_code import FILE, code_in_force, setup_code
from edge.store.audit import Audit
from edge.store.store import Store
from edge.store.users import ADMIN, OPERATOR, Users
from tests.support.people import add_person
from web_ui import create_app
from web_ui.cli import show_setup_code

PASSWORD = "yellow river stone"
ACCOUNT = {"name": "Ana", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def blank(app: Flask) -> FlaskClient:
    """A browser at a device that nobody has set up."""
    return app.test_client()


def post(client: FlaskClient, address: str, form_at: str = "", **form: object) -> tuple[int, str]:
    """Sends a form: status, and where it leads or the page that it gave."""
    page = client.get(form_at or address).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    response = client.post(address, data={"csrf_token": found[1], **form})
    return response.status_code, response.location or response.text


def test_every_page_leads_to_the_first_run_until_there_is_an_admin(blank: FlaskClient) -> None:
    for address in ("/", "/specimens", "/settings", "/login", "/health"):
        response = blank.get(address)
        assert (response.status_code, response.location) == (303, "/first-run"), address
    page = blank.get("/first-run").text
    assert "Kiswahili" in page and "العربية" in page and 'name="language" value="ha"' in page


def test_from_a_blank_device_to_a_practice_slide(
    blank: FlaskClient, service: ScreeningService, app: Flask
) -> None:
    status, where = post(blank, "/language", "/first-run", language="en", next="/first-run/place")
    assert (status, where) == (303, "/first-run/place")
    status, where = post(blank, "/first-run/place", clinic="Ward 3")
    assert (status, where) == (303, "/first-run/account")
    assert load_config(service.store.home).page.clinic == "Ward 3"
    status, where = post(blank, "/first-run/account", **ACCOUNT)
    assert (status, where) == (303, "/first-run/checks")
    page = blank.get("/first-run/checks").text
    assert 'data-testid="self-test" data-value="passed"' in page and "No camera is set" in page
    status, where = post(blank, "/first-run/practise", "/first-run/checks")
    assert status == 303 and where.startswith("/specimens/")
    specimen = service.store.specimen(where.rpartition("/")[2])
    assert (specimen.label, specimen.source, specimen.operator) == ("Practice", "simulated", "Ana")
    assert specimen.site == "Ward 3"
    service.stop()
    assert service.wait(20)
    (admin,) = Users(service.store).all()
    assert (admin.name, admin.role) == ("Ana", ADMIN)
    actions = [one.action for one in Audit(service.store).entries()]
    assert {"settings.changed", "user.added"} <= set(actions)


def test_an_account_that_cannot_be_made_is_said(
    blank: FlaskClient, service: ScreeningService
) -> None:
    for wrong, said in (
        ({"password_again": "other"}, "The two passwords differ"),
        ({"password": "12345678", "password_again": "12345678"}, "password"),
        ({"name": " "}, "name"),
    ):
        status, page = post(blank, "/first-run/account", **(ACCOUNT | wrong))
        assert status == 422 and said in page and PASSWORD not in page, wrong
    assert not Users(service.store).exist()


def test_only_one_first_admin_is_made(blank: FlaskClient, app: Flask) -> None:
    late = app.test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', late.get("/first-run/account").text)
    assert found
    post(blank, "/first-run/account", **ACCOUNT)
    form = {"csrf_token": found[1], **ACCOUNT, "name": "Mallory"}
    response = late.post("/first-run/account", data=form)
    assert response.status_code == 303 and "/login" in response.location
    assert [one.name for one in Users(app.extensions["clinicscope"].store).all()] == ["Ana"]


def test_after_the_first_admin_it_is_for_admins(
    client: FlaskClient, anonymous: FlaskClient, client_as: Callable[..., FlaskClient]
) -> None:
    for address in ("/first-run", "/first-run/place", "/first-run/account", "/first-run/checks"):
        assert "/login" in anonymous.get(address).location
        assert client_as(OPERATOR).get(address).status_code == 403
    assert client.get("/first-run").location == "/first-run/checks"
    assert client.get("/first-run/account").location == "/first-run/checks"
    assert client.get("/first-run/checks").status_code == 200


AWAY = {"REMOTE_ADDR": "192.168.4.7"}


@pytest.fixture
def away(app: Flask) -> FlaskClient:
    """A browser somewhere on the network, at a device that nobody has set up."""
    client = app.test_client()
    client.environ_base.update(AWAY)
    return client


def test_from_elsewhere_every_page_asks_for_the_set_up_code(
    away: FlaskClient, service: ScreeningService
) -> None:
    for address in ("/", "/login", "/first-run", "/first-run/place", "/first-run/account"):
        response = away.get(address)
        # The login sends to the first run, and that to the code.
        assert response.location in ("/first-run/code", "/first-run"), address
    page = away.get("/first-run/code").text
    assert "has no admin yet" in page and setup_code(service.store.home) not in page
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    response = away.post("/first-run/account", data={"csrf_token": found[1], **ACCOUNT})
    assert response.location == "/first-run/code"
    assert not Users(service.store).exist()


def test_with_the_code_the_first_run_goes_on_from_elsewhere(
    away: FlaskClient, app: Flask, service: ScreeningService
) -> None:
    code = setup_code(service.store.home)
    file = service.store.home / FILE
    assert file.read_text() == f"{code}\n" and file.stat().st_mode & 0o777 == 0o600
    assert setup_code(service.store.home) == code
    typed = f" {code.replace('-', '').lower()} "
    assert post(away, "/first-run/code", code=typed) == (303, "/first-run")
    assert "Kiswahili" in away.get("/first-run").text
    # It is this browser alone that may.
    other = app.test_client()
    other.environ_base.update(AWAY)
    assert other.get("/first-run").location == "/first-run/code"
    status, where = post(away, "/first-run/account", **ACCOUNT)
    assert (status, where) == (303, "/first-run/checks")
    assert away.get("/first-run/checks").status_code == 200
    assert not file.exists() and code_in_force(service.store) == ""
    for address in ("/first-run/code", "/first-run"):
        assert "/login" in other.get(address, follow_redirects=True).request.path


def test_a_wrong_code_is_refused_and_guessing_is_stopped(
    away: FlaskClient, app: Flask, service: ScreeningService
) -> None:
    for wrong in ("", "AAAA-AAAA", "\u0000", "x" * 5000, "７KQM"):
        status, page = post(away, "/first-run/code", code=wrong)
        assert status == 422 and "not the code of this device" in page, wrong
    assert post(away, "/first-run/code", code=setup_code(service.store.home))[0] == 429
    # From elsewhere it may be given still.
    other = app.test_client()
    other.environ_base.update({"REMOTE_ADDR": "192.168.4.8"})
    assert post(other, "/first-run/code", code=setup_code(service.store.home))[0] == 303


def test_a_new_code_ends_what_the_old_one_allowed(
    away: FlaskClient, service: ScreeningService
) -> None:
    file = service.store.home / FILE
    post(away, "/first-run/code", code=setup_code(service.store.home))
    assert away.get("/first-run").status_code == 200
    file.write_text("cut sh")
    assert away.get("/first-run").location == "/first-run/code"
    assert len(file.read_text()) == 10


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("/first-run", {"headers": {"X-Forwarded-For": "192.168.4.7"}}),
        ("/first-run", {"headers": {"Via": "1.1 proxy"}}),
        # A page elsewhere whose name was pointed to this device's loopback address.
        ("http://evil.example/first-run", {}),
    ],
)
def test_who_only_seems_to_be_at_the_device_is_asked_too(
    blank: FlaskClient, address: str, options: dict[str, Any]
) -> None:
    assert blank.get("/first-run").status_code == 200
    assert blank.get(address, **options).location == "/first-run/code"


def test_the_console_shows_the_code_until_there_is_an_admin(
    service: ScreeningService, capsys: pytest.CaptureFixture[str]
) -> None:
    show_setup_code(service.store)
    told = capsys.readouterr().out
    assert f"set-up code: {setup_code(service.store.home)}" in told and "setup-code" in told
    add_person(service.store)
    show_setup_code(service.store)
    assert capsys.readouterr().out == "" and not (service.store.home / FILE).exists()


def test_a_code_that_cannot_be_kept_keeps_no_device_from_starting(
    service: ScreeningService, caplog: pytest.LogCaptureFixture, blank: FlaskClient
) -> None:
    (service.store.home / FILE).mkdir()
    show_setup_code(service.store)
    assert "there is no set-up code" in caplog.text
    assert blank.get("/first-run").status_code == 200


def test_a_clock_that_may_not_be_set_keeps_nobody_from_going_on(
    blank: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(clock: int, seconds: float) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr("time.clock_settime", refuse)
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    form = {"clinic": "Ward 3", "phone_time": later, "set_clock": "1"}
    status, page = post(blank, "/first-run/place", **form)
    assert status == 422 and "may not set the clock" in page and "Go on with this clock" in page
    status, where = post(blank, "/first-run/place", **form, go_on="1")
    assert (status, where) == (303, "/first-run/account")
    assert load_config(service.store.home).page.clinic == "Ward 3"


def test_a_device_that_fails_its_test_says_so_and_starts_no_slide(tmp_path: Path) -> None:
    def fail() -> ScriptedScreener:
        raise BundleError("golden logit differs; it must not screen")

    store = Store(tmp_path / "sick")
    service = ScreeningService(store, fail, Protocol())  # type: ignore[arg-type]
    blank = create_app(service).test_client()
    post(blank, "/first-run/account", **ACCOUNT)
    page = blank.get("/first-run/checks").text
    assert 'data-value="failed"' in page and "golden logit differs" in page
    status, page = post(blank, "/first-run/practise", "/first-run/checks")
    assert status == 422 and "It was not started" in page
    service.close()
