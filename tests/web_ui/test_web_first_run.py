"""The first run: from a blank device to a practice slide, by no default password."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener

from edge.config import load_config
from edge.contract.errors import BundleError
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.store import Store
from edge.store.users import ADMIN, OPERATOR, Users
from web_ui import create_app

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
