"""Logging in and out, the lock screen, and what a session is bound to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, token

from edge.contract.errors import StorageFullError
from edge.page_settings import PageSettings
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.store import Store
from edge.store.users import OPERATOR, Users
from tests.support.people import CHEAP, NAME, PASSWORD, add_person, logged_in
from web_ui import create_app
from web_ui.guard import safe_path
from web_ui.sessions import MOST_SESSIONS, Sessions


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(app: Flask) -> Clock:
    clock = Clock()
    app.extensions["clinicscope"].sessions._clock = clock
    return clock


def log_in(client: FlaskClient, name: str = NAME, password: str = PASSWORD, **form: str) -> Any:
    data = {"name": name, "password": password, "csrf_token": token(client, "/login")}
    return client.post("/login", data=data | form)


def session_cookie(client: FlaskClient) -> str:
    cookie = client.get_cookie("clinicscope_session")
    assert cookie is not None
    return cookie.value


def test_person_logs_in_and_goes_on_to_the_page_asked_for(
    anonymous: FlaskClient, service: ScreeningService
) -> None:
    asked = anonymous.get("/specimens?q=S-1&to_sign=1")
    assert asked.status_code == 303
    page = anonymous.get(asked.location).text.partition('action="/login"')[2]
    next_ = re.search(r'name="next" value="([^"]+)"', page)
    assert next_ and next_[1].replace("&amp;", "&") == "/specimens?q=S-1&to_sign=1"
    done = log_in(anonymous, name=NAME.lower(), next=next_[1].replace("&amp;", "&"))
    assert (done.status_code, done.location) == (303, "/specimens?q=S-1&to_sign=1")
    page = anonymous.get("/").text
    assert NAME in page and "Log out" in page
    assert anonymous.get("/login?next=/about").location == "/about"
    (line,) = [e for e in Audit(service.store).entries() if e.action == "user.logged_in"]
    assert line.by == NAME


def test_wrong_name_and_wrong_password_are_answered_the_same(anonymous: FlaskClient) -> None:
    for name, password in (
        (NAME, "wrong password"),
        (NAME, ""),
        ("", PASSWORD),
        ("Nobody", PASSWORD),
        ("<script>alert", "<script>alert"),
        (NAME, "\x00"),
        ("a" * 5000, "b" * 5000),
        ("' OR 1=1 --", "' OR 1=1 --"),
    ):
        refused = log_in(anonymous, name, password)
        assert refused.status_code == 422
        assert "Name and password do not belong together." in refused.text
        assert "<script>alert" not in refused.text and "wrong password" not in refused.text
    assert anonymous.get("/").status_code == 303


def test_full_disk_keeps_nobody_out(
    anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(*_: object) -> int:
        raise StorageFullError("no room for records.db")

    monkeypatch.setattr(Audit, "write", no_room)
    assert log_in(anonymous, password="wrong").status_code == 422
    assert log_in(anonymous).status_code == 303
    assert anonymous.get("/about").status_code == 200
    assert "user.logged_in of user:1 by 'A. Reader' is not in the log" in caplog.text


def test_refused_logins_are_in_the_log_without_what_was_typed(
    anonymous: FlaskClient, service: ScreeningService
) -> None:
    log_in(anonymous, name="my secret password", password="wrong")
    log_in(anonymous)
    anonymous.get("/lock")
    data = {"csrf_token": token(anonymous, "/lock"), "password": "wrong"}
    anonymous.post("/lock", data=data)
    lines = Audit(service.store).entries()
    assert [line.action for line in lines[:3]] == [
        "unlock.refused",
        "user.logged_in",
        "login.refused",
    ]
    assert lines[2].detail == {"address": "127.0.0.1"} and "secret" not in str(lines)


def test_disabled_person_is_not_let_in(anonymous: FlaskClient, service: ScreeningService) -> None:
    gone = add_person(service.store, OPERATOR, "Gone")
    Users(service.store).disable(gone.user_id, NAME)
    assert log_in(anonymous, "Gone").status_code == 422


def test_login_without_its_token_is_refused(anonymous: FlaskClient) -> None:
    data = {"name": NAME, "password": PASSWORD}
    assert anonymous.post("/login", data=data).status_code == 400
    assert anonymous.get("/").status_code == 303


def test_what_was_planted_before_the_login_is_worth_nothing_after(app: Flask) -> None:
    add_person(app.extensions["clinicscope"].store)
    victim = app.test_client()
    planted_token = token(victim, "/login")
    planted = session_cookie(victim)
    assert log_in(victim).status_code == 303
    assert session_cookie(victim) != planted
    attacker = app.test_client()
    attacker.set_cookie("clinicscope_session", planted)
    assert attacker.get("/specimens").status_code == 303
    forged = victim.post("/specimens/x/stop", data={"csrf_token": planted_token})
    assert forged.status_code == 400


def test_second_login_ends_the_first_session(app: Flask, client: FlaskClient) -> None:
    before = session_cookie(client)
    add_person(app.extensions["clinicscope"].store, OPERATOR, "Ben")
    client.get("/lock")
    client.post("/logout", data={"csrf_token": token(client, "/lock")})
    assert log_in(client, "Ben").status_code == 303
    copied = app.test_client()
    copied.set_cookie("clinicscope_session", before)
    assert copied.get("/").status_code == 303


def test_log_out_ends_the_session_wherever_its_cookie_is(app: Flask, client: FlaskClient) -> None:
    copied = app.test_client()
    copied.set_cookie("clinicscope_session", session_cookie(client))
    assert copied.get("/").status_code == 200
    out = client.post("/logout", data={"csrf_token": token(client)})
    assert (out.status_code, out.location) == (303, "/login")
    assert client.get("/").status_code == copied.get("/").status_code == 303
    assert client.post("/logout", data={"csrf_token": token(client, "/login")}).status_code == 303
    store = app.extensions["clinicscope"].store
    assert Audit(store).entries(1)[0].action == "user.logged_out"


def test_changed_rights_end_open_sessions(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    users = Users(service.store, CHEAP)
    for change in (
        lambda ben: users.change_role(ben, "reviewer", NAME),
        lambda ben: users.set_password(ben, "three brown hens", NAME),
        lambda ben: users.disable(ben, NAME),
    ):
        other = client_as("operator", "Ben")
        assert other.get("/").status_code == 200
        change(users.named("Ben").user_id)
        assert other.get("/").status_code == 303
    assert client.get("/").status_code == 200


def test_screen_locks_when_nobody_taps_and_her_password_goes_on(
    client: FlaskClient, clock: Clock
) -> None:
    assert client.get("/about").status_code == 200
    clock.now += 15 * 60 + 1
    asked = client.get("/specimens?q=S-1")
    assert asked.status_code == 303 and asked.location.startswith("/lock?next=")
    page = client.get(asked.location)
    assert page.status_code == 200 and NAME in page.text and "Locked" in page.text
    assert "Log out" not in page.text and "/specimens/new" not in page.text
    data = {"csrf_token": token(client, "/lock"), "next": "/specimens?q=S-1"}
    wrong = client.post("/lock", data=data | {"password": "wrong"})
    assert wrong.status_code == 422 and "This is not the password." in wrong.text
    assert client.get("/").status_code == 303
    on = client.post("/lock", data=data | {"password": PASSWORD})
    assert (on.status_code, on.location) == (303, "/specimens?q=S-1")
    assert client.get("/specimens").status_code == 200


def test_taps_keep_the_screen_open_and_what_a_page_asks_by_itself_does_not(
    client: FlaskClient, clock: Clock, service: ScreeningService
) -> None:
    specimen_id = service.store.start_specimen("S-1", "simulated", {})
    for _ in range(3):
        clock.now += 10 * 60
        assert client.get("/").status_code == 200
    for _ in range(2):
        clock.now += 7 * 60
        assert client.get(f"/specimens/{specimen_id}/progress").status_code == 200
    clock.now += 2 * 60
    assert client.get("/").status_code == 303


def test_part_of_a_page_sends_the_whole_page_to_the_lock(client: FlaskClient, clock: Clock) -> None:
    clock.now += 16 * 60
    headers = {"HX-Request": "true", "Referer": "http://localhost/specimens/S-1?all=1"}
    part = client.get("/specimens/S-1/progress", headers=headers)
    assert part.status_code == 401 and part.text == ""
    assert part.headers["HX-Redirect"] == "/lock?next=/specimens/S-1?all%3D1"


def test_what_was_sent_to_a_locked_screen_is_said_to_be_lost(
    client: FlaskClient, clock: Clock, service: ScreeningService
) -> None:
    data = {"csrf_token": token(client), "label": "S-1", "source": "simulated"}
    clock.now += 16 * 60
    headers = {"Referer": "http://localhost/specimens/new"}
    sent = client.post("/specimens/new", data=data, headers=headers)
    assert sent.location == "/lock?next=/specimens/new&unsent=1"
    assert "What you sent was not stored" in client.get(sent.location).text
    assert "What you sent" not in client.get("/lock").text
    client.post("/logout", data={"csrf_token": token(client, "/lock")})
    sent = client.post("/specimens/new", data=data)
    assert sent.location == "/login?next=/&unsent=1"
    assert "What you sent was not stored" in client.get(sent.location).text
    assert service.store.specimens() == []


def test_person_locks_her_screen_herself(app: Flask, client: FlaskClient) -> None:
    page = client.get("/lock?next=/about")
    assert page.status_code == 200 and "/specimens/new" not in page.text
    assert client.get("/about").status_code == 303
    # A second person goes past it only by logging in as herself.
    add_person(app.extensions["clinicscope"].store, OPERATOR, "Ben")
    client.post("/logout", data={"csrf_token": token(client, "/lock")})
    assert log_in(client, "Ben").status_code == 303
    assert "Ben" in client.get("/").text


def test_lock_screen_of_nobody_is_the_login(anonymous: FlaskClient) -> None:
    assert anonymous.get("/lock?next=/about").location == "/login?next=/about"
    data = {"csrf_token": token(anonymous, "/login"), "password": PASSWORD}
    assert anonymous.post("/lock", data=data).location == "/login?next=/"


def test_session_ends_with_the_shift_whatever_is_tapped(client: FlaskClient, clock: Clock) -> None:
    for _ in range(12 * 5 - 1):
        clock.now += 12 * 60
        assert client.get("/about").status_code == 200
    clock.now += 13 * 60
    assert client.get("/about").location == "/login?next=/about"


def test_site_sets_how_long(tmp_path: Path, screener: ScriptedScreener) -> None:
    service = ScreeningService(Store(tmp_path / "other"), lambda: screener)
    settings = PageSettings(lock_after_minutes=1, log_out_after_hours=1)
    app = create_app(service, page=settings)
    clock = app.extensions["clinicscope"].sessions._clock = Clock()
    client = logged_in(app)
    clock.now += 61
    assert client.get("/").location == "/lock?next=/"
    clock.now += 3600
    assert client.get("/").location == "/login?next=/"
    service.close()


def test_sessions_are_bounded_and_the_idle_one_goes_first(service: ScreeningService) -> None:
    clock = Clock()
    sessions, ana = Sessions(clock=clock), add_person(service.store)
    first, second = sessions.begin(ana), sessions.begin(ana)
    clock.now += 1
    sessions.touch(first)
    for _ in range(MOST_SESSIONS - 1):
        clock.now += 0.001
        sessions.begin(ana)
    assert sessions.find(second) is None and sessions.find(first) is not None
    sessions.end("none")
    sessions.lock("none")
    assert sessions.find("none") is None


def test_new_device_sends_everyone_to_its_first_run(app: Flask) -> None:
    nobody = app.test_client()
    for address in ("/", "/specimens", "/login"):
        answer = nobody.get(address)
        assert (answer.status_code, answer.location) == (303, "/first-run")
    assert nobody.get("/healthz").status_code == 200
    assert nobody.get("/static/style.css", buffered=True).status_code == 200


@pytest.mark.parametrize(
    ("asked", "gone_to"),
    [
        ("/specimens?q=a%20b", "/specimens?q=a%20b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("", "/"),
        ("/" + "x" * 600, "/"),
        ("specimens", "/"),
    ],
)
def test_only_a_page_of_this_device_is_gone_on_to(asked: str, gone_to: str) -> None:
    assert safe_path(asked) == gone_to


def test_nobody_is_sent_to_another_host(anonymous: FlaskClient) -> None:
    assert log_in(anonymous, next="//evil.example/").location == "/"


def test_cookie_is_bound_to_tls_where_the_page_is(
    tmp_path: Path, screener: ScriptedScreener
) -> None:
    service = ScreeningService(Store(tmp_path / "other"), lambda: screener)
    add_person(service.store)
    for secure in (True, False):
        client = create_app(service, secure=secure).test_client()
        cookie = client.get("/login", base_url="https://localhost").headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        assert ("Secure" in cookie) is secure
    service.close()


def test_no_page_shows_the_value_of_a_session(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        name = session["_user_id"]
    for address in ("/", "/specimens/new", "/records"):
        assert name not in client.get(address).text
