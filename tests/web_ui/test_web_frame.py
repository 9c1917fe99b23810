"""What every page has round it: the ways to other pages, light or dark, and the app on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import token

from edge.contract.images import decode_image
from web_ui.access import ADMINS, RULES
from web_ui.fallback import create_fallback_app

STATIC = Path(__file__).parents[2] / "web_ui/static"


def choose_theme(client: FlaskClient, theme: str, after: str = "/about") -> str:
    data = {"csrf_token": token(client), "theme": theme, "next": after}
    response = client.post("/theme", data=data)
    assert response.status_code == 303
    return str(response.location)


def test_main_pages_are_one_tap_away_and_the_page_says_where_it_is(client: FlaskClient) -> None:
    page = client.get("/to-review").text
    for address in ("/", "/specimens/new", "/to-review", "/specimens"):
        assert f'<a href="{address}"' in page, address
    assert page.count("aria-current=page") == 1
    assert 'href="/to-review" aria-current=page' in page


def test_a_person_is_offered_only_what_she_may_open(
    client: FlaskClient,
    client_as: Callable[..., FlaskClient],
    anonymous: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RULES, "benchmark.show", ADMINS)
    assert 'href="/benchmark"' in client.get("/").text
    operator = client_as("operator").get("/").text
    assert 'href="/benchmark"' not in operator and 'href="/specimens/new"' in operator
    outside = anonymous.get("/login").text
    assert 'class="main-nav"' not in outside and 'href="/about"' not in outside
    monkeypatch.delitem(RULES, "benchmark.show")
    assert 'href="/benchmark"' not in client.get("/").text


def test_the_theme_is_kept_on_the_phone_and_only_a_known_one(client: FlaskClient) -> None:
    assert "data-theme" not in client.get("/").text.split("<body")[0]
    assert choose_theme(client, "dark") == "/about"
    assert '<html lang="en" dir="ltr" data-theme="dark">' in client.get("/").text
    choose_theme(client, '"><script>')
    assert 'data-theme="dark"' in client.get("/").text
    choose_theme(client, "phone")
    assert "data-theme" not in client.get("/").text.split("<body")[0]
    client.set_cookie("clinicscope_theme", "pink")
    assert "pink" not in client.get("/").text


def test_the_theme_leads_to_no_other_host(client: FlaskClient) -> None:
    for elsewhere in ("https://example.org/", "//example.org", "/\\example.org", ""):
        assert choose_theme(client, "light", elsewhere) == "/"


def test_files_are_kept_by_the_stamp_of_their_content(client: FlaskClient) -> None:
    page = client.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert address.startswith("/static/style.css?v=")
    with client.get(address) as stamped, client.get("/static/style.css") as plain:
        assert "immutable" in stamped.headers["Cache-Control"]
        assert "immutable" not in plain.headers["Cache-Control"]
    assert client.get("/static/none.css?v=1").status_code == 404


def test_the_page_can_be_installed(anonymous: FlaskClient) -> None:
    manifest = anonymous.get("/manifest.webmanifest")
    assert manifest.mimetype == "application/manifest+json"
    assert manifest.json["start_url"] == "/" and manifest.json["display"] == "standalone"
    assert {icon["purpose"] for icon in manifest.json["icons"]} == {"any", "maskable"}
    for icon in manifest.json["icons"]:
        picture = anonymous.get(icon["src"])
        side = int(icon["sizes"].split("x")[0])
        assert picture.mimetype == "image/png"
        assert decode_image(picture.data).shape == (side, side, 3)
    assert anonymous.get("/icon-9000.png").status_code == 404


def test_the_service_worker_keeps_no_page_about_a_patient(anonymous: FlaskClient) -> None:
    with anonymous.get("/sw.js") as worker:
        assert "javascript" in worker.mimetype and worker.headers["Cache-Control"] == "no-cache"
        text = worker.text
    assert "/specimens" not in text
    for needed in (
        "/offline",
        "/offline?unsent=1",
        "/static/style.css",
        "/static/offline.js",
        "/static/icon.svg",
    ):
        assert f'"{needed}"' in text
        with anonymous.get(needed) as found:
            assert found.status_code == 200
    page = anonymous.get("/offline").text
    assert "does not answer" in page and "offline.js" in page and "csrf_token" not in page
    assert "data-unsent" not in page
    assert "data-unsent" in anonymous.get("/offline?unsent=1").text


def test_the_page_of_a_device_that_cannot_start_needs_nothing_of_the_others() -> None:
    page = create_fallback_app("the records cannot be opened").test_client().get("/specimens")
    assert page.status_code == 503 and "the records cannot be opened" in page.text
    assert "manifest" not in page.text and "main-nav" not in page.text


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_styles_name_no_side_and_no_outside_address(path: Path) -> None:
    """Arabic is written from right to left: what is left there is right here."""
    text = path.read_text()
    for word in (
        "margin-left",
        "margin-right",
        "padding-left",
        "padding-right",
        "text-align: left",
    ):
        assert word not in text, word
    assert "http" not in text and "@import" not in text and "url(" not in text


def test_first_load_is_light() -> None:
    names = ("style.css", "page.js", "htmx.min.js", "icon.svg")
    assert sum((STATIC / name).stat().st_size for name in names) < 130_000
