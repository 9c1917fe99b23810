"""Guessed passwords, one client that takes all, and bodies that are too large."""

from __future__ import annotations

import gc
import io
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import field_png, submit, token

from edge.screening.service import ScreeningService
from edge.store.tokens import Tokens
from edge.store.users import OPERATOR
from tests.support.people import NAME, PASSWORD, logged_in
from web_ui import create_app, limits


def guess(
    client: FlaskClient,
    name: str = NAME,
    password: str = "wrong",
    address: str = "192.168.4.7",
    csrf_token: str = "",
) -> Any:
    data = {"name": name, "password": password}
    data["csrf_token"] = csrf_token or token(client, "/login")
    return client.post("/login", data=data, environ_base={"REMOTE_ADDR": address})


def test_guessing_a_password_is_stopped_and_the_page_says_when(anonymous: FlaskClient) -> None:
    assert [guess(anonymous).status_code for _ in range(5)] == [422] * 5
    held = guess(anonymous, password=PASSWORD)
    assert held.status_code == 429 and "Too many requests" in held.text
    wait_s = int(held.headers["Retry-After"])
    assert 1 <= wait_s <= 61 and f"Try again in {wait_s} second" in held.text
    assert anonymous.get("/").status_code == 303


def test_one_who_guesses_does_not_keep_the_owner_out(anonymous: FlaskClient) -> None:
    for _ in range(6):
        guess(anonymous)
    assert guess(anonymous, password=PASSWORD, address="192.168.4.8").status_code == 303


def test_guessing_many_names_from_one_place_is_stopped(anonymous: FlaskClient) -> None:
    codes = [guess(anonymous, name=f"Ana {number}").status_code for number in range(21)]
    assert codes == [422] * 20 + [429]


def test_guessing_one_name_from_many_places_is_stopped(anonymous: FlaskClient) -> None:
    forms = {"name": NAME.upper(), "csrf_token": token(anonymous, "/login")}
    codes = [
        guess(anonymous, address=f"10.0.{number}.1", **forms).status_code for number in range(101)
    ]
    assert codes == [422] * 100 + [429]


def test_logging_in_is_no_guess(app: Flask, anonymous: FlaskClient) -> None:
    for _ in range(8):
        assert guess(app.test_client(), password=PASSWORD).status_code == 303


def test_locked_screen_is_not_guessed_open(client: FlaskClient) -> None:
    data = {"csrf_token": token(client, "/lock")}
    codes = [
        client.post("/lock", data=data | {"password": f"wrong {number}"}).status_code
        for number in range(6)
    ]
    assert codes == [422] * 5 + [429]


def test_old_password_is_not_guessed_at_an_open_screen(client: FlaskClient) -> None:
    address = "/settings/password"
    new = {"password": "three brown hens", "password_again": "three brown hens"}
    data = new | {"csrf_token": token(client, address), "old_password": "wrong"}
    codes = [client.post(address, data=data).status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]


@pytest.fixture
def strict(service: ScreeningService, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A page that counts to twenty requests, or three uploads."""
    monkeypatch.setattr(limits, "EVERYTHING", "20 per minute")
    monkeypatch.setattr(limits, "UPLOADS", "3 per 10 minutes")
    return create_app(service)


def test_client_that_asks_for_everything_is_held(strict: Flask) -> None:
    client, other = logged_in(strict), logged_in(strict)
    codes = [client.get("/about").status_code for _ in range(21)]
    assert codes == [200] * 20 + [429]
    assert other.get("/about").status_code == 200
    # What a page is drawn with is never refused.
    assert client.get("/static/style.css", buffered=True).status_code == 200


def test_uploads_are_counted_for_each_person(strict: Flask) -> None:
    client, other = logged_in(strict), logged_in(strict, OPERATOR, "Ben")
    codes = [submit(client, label="").status_code for _ in range(4)]
    assert codes == [422] * 3 + [429]
    assert submit(other, label="").status_code == 422
    assert client.get("/specimens/new").status_code == 200


def test_program_is_told_in_its_own_words(strict: Flask, service: ScreeningService) -> None:
    secret = Tokens(service.store).create("x", ["health"], "x")[1]
    shown, program = {"Authorization": f"Bearer {secret}"}, strict.test_client()
    answers = [program.get("/api/v1/health", headers=shown) for _ in range(21)]
    assert answers[-1].status_code == 429
    assert answers[-1].mimetype == "application/problem+json"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61


def test_programs_are_counted_by_token_and_not_by_address(
    strict: Flask, service: ScreeningService
) -> None:
    tokens = Tokens(service.store)
    first, second = (
        {"Authorization": f"Bearer {tokens.create(name, ['health'], 'x')[1]}"} for name in "ab"
    )
    program = strict.test_client()

    def ask(shown: dict[str, str], address: str = "192.168.4.7") -> int:
        where = {"REMOTE_ADDR": address}
        return program.get("/api/v1/health", headers=shown, environ_base=where).status_code

    assert [ask(first) for _ in range(21)] == [200] * 20 + [429]
    assert ask(first, "192.168.4.8") == 429
    assert ask(second) == 200
    # Without a token that is in force, or with a new one each time, the address counts.
    wrong = [ask({"Authorization": f"Bearer cs_{number}"}) for number in range(21)]
    assert wrong == [401] * 20 + [429]
    assert ask(second) == 200


def test_clock_that_is_set_back_bars_nobody(
    anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        guess(anonymous)
    real = time.time
    monkeypatch.setattr(limits.time, "time", lambda: real() - 365 * 86_400)
    assert guess(anonymous, password=PASSWORD).status_code == 303


# Werkzeug leaves the file that a large body lay in to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_pages_that_take_no_file_take_no_large_body(
    client: FlaskClient, anonymous: FlaskClient
) -> None:
    large = {"csrf_token": token(client), "reason": "x" * (limits.SMALL_BODY_BYTES + 1)}
    assert client.post("/specimens/none/amend", data=large).status_code == 413
    name = {"name": "x" * (limits.SMALL_BODY_BYTES + 1), "password": "x"}
    assert anonymous.post("/login", data=name).status_code == 413
    files = [(io.BytesIO(field_png() + bytes(limits.SMALL_BODY_BYTES)), "a.png")]
    assert submit(client, images=files).status_code == 303
    gc.collect()


def test_limits_name_endpoints_that_there_are(app: Flask) -> None:
    named = {guess.endpoint for guess in limits.GUESSES} | set(limits.TAKES_FILES)
    assert named <= set(app.view_functions)
