"""Which language a page has, the switch between them, and pages that run from right to left."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import field_png, screen_uploads, token

from edge.language import LANGUAGES
from edge.screening.service import ScreeningService
from edge.store.users import Users
from tests.support.people import NAME
from web_ui.fallback import create_fallback_app
from web_ui.guard import safe_path
from web_ui.language import COOKIE, DEVICE_LANGUAGE, chosen_language, gettext, ngettext

FOREIGN = [code for code in LANGUAGES if code != "en"]
PAGES = ("/", "/specimens", "/specimens/new", "/about", "/records", "/summary")


def page_of(client: FlaskClient, path: str = "/about", **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, path
    return response.get_data(as_text=True)


def choose(client: FlaskClient, code: str, back: str = "/about") -> str:
    form = {"language": code, "next": back, "csrf_token": token(client, "/about")}
    response = client.post("/language", data=form)
    assert response.status_code == 303
    return str(response.headers["Location"])


def lang(page: str) -> tuple[str, str]:
    found = re.search(r'<html lang="(\w+)" dir="(\w+)"', page)
    assert found is not None
    return found[1], found[2]


@pytest.mark.parametrize(
    ("asked", "code"), [("fr-CH, en;q=0.5", "fr"), ("de", "en"), ("sw-KE", "sw"), ("", "en")]
)
def test_browser_is_answered_in_what_it_asks_for(
    anonymous: FlaskClient, asked: str, code: str
) -> None:
    assert lang(page_of(anonymous, "/login", **{"Accept-Language": asked}))[0] == code


def test_choice_on_the_phone_goes_before_the_browser(anonymous: FlaskClient) -> None:
    anonymous.set_cookie(COOKIE, "ha")
    assert lang(page_of(anonymous, "/login", **{"Accept-Language": "fr"}))[0] == "ha"
    anonymous.set_cookie(COOKIE, "<script>")
    assert lang(page_of(anonymous, "/login", **{"Accept-Language": "fr"}))[0] == "fr"


def test_device_has_a_language_of_its_own(anonymous: FlaskClient, app: Flask) -> None:
    app.config[DEVICE_LANGUAGE] = "pt"
    assert lang(page_of(anonymous, "/login", **{"Accept-Language": "fr"}))[0] == "pt"


def test_choice_goes_with_the_person(client: FlaskClient, service: ScreeningService) -> None:
    assert choose(client, "sw") == "/about"
    assert Users(service.store).named(NAME).language == "sw"
    assert client.get_cookie(COOKIE).value == "sw"
    client.set_cookie(COOKIE, "fr")  # The phone of somebody else.
    assert lang(page_of(client))[0] == "sw"


def test_unknown_language_changes_nothing(client: FlaskClient) -> None:
    choose(client, "tlh")
    assert client.get_cookie(COOKIE) is None
    assert lang(page_of(client)) == ("en", "ltr")


@pytest.mark.parametrize(
    "given", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "about"]
)
def test_switch_leads_nowhere_else(given: str) -> None:
    assert safe_path(given) == "/"


def test_switch_needs_its_token(client: FlaskClient) -> None:
    assert client.post("/language", data={"language": "fr"}).status_code == 400


def test_arabic_runs_from_right_to_left(client: FlaskClient) -> None:
    choose(client, "ar")
    page = page_of(client)
    assert lang(page) == ("ar", "rtl")
    assert "لا" in page


@pytest.mark.parametrize("code", FOREIGN)
def test_each_page_is_told_in_each_language(client: FlaskClient, code: str) -> None:
    choose(client, code)
    for path in PAGES:
        page = page_of(client, path)
        assert lang(page)[0] == code
        assert "Skip to the content" not in page and "not-reviewed" in page, path


@pytest.mark.parametrize("code", ["fr", "ar"])
def test_result_is_told_in_the_language(
    client: FlaskClient, service: ScreeningService, code: str
) -> None:
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    choose(client, code)
    page = page_of(client, f"/specimens/{specimen_id}")
    shown = re.sub(r"<[^>]+>", " ", page)
    for english in ("Red cells counted", "Suspect cells", "of those counted", "Review and sign"):
        assert english not in shown, english


def test_words_in_a_template_are_not_kept_in_the_first_language(client: FlaskClient) -> None:
    choose(client, "en")
    assert "<b>Reviewer</b>" in page_of(client, "/settings/users")
    choose(client, "ar")
    assert "<b>Reviewer</b>" not in page_of(client, "/settings/users")


def test_english_is_not_called_unreviewed(client: FlaskClient) -> None:
    assert "not-reviewed" not in page_of(client)


def test_page_of_a_service_that_cannot_start_speaks_too() -> None:
    client = create_fallback_app("the disk is full").test_client()
    response = client.get("/", headers={"Accept-Language": "es"})
    assert response.status_code == 503
    assert lang(response.get_data(as_text=True))[0] == "es"


def test_words_outside_of_a_request_are_english() -> None:
    assert gettext("Field %(number)s", number=3) == "Field 3"
    assert ngettext("%(num)s cell", "%(num)s cells", 1) == "1 cell"


def test_translated_text_is_escaped_where_values_come_in(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "fr"}):
        assert chosen_language() == "fr"
        template = app.jinja_env.from_string("{{ _('Sign %(label)s', label=label) }}")
        assert "<b>" not in template.render(label="<b>")
