"""What hostile text and hostile addresses do: nothing, in any field of any form."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from flask import Flask
from flask.testing import FlaskClient
from record_samples import judge_all, screen, send
from test_web_access import routes
from web_samples import field_png, token
from werkzeug.test import TestResponse

from edge.screening.service import ScreeningService
from edge.store.outbox import Outbox
from edge.store.tokens import Tokens
from tests.support.people import logged_in

# Ends a tag, an attribute, a script and a template's expression, and begins what would run.
HOSTILE = """'"></script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*191}}${7*191}"""
# What the register takes of it: no longer than a name or note may be.
NAME = "<img src=x onerror=alert(2)>"


# A picture inside a report that is saved as one file is no address that runs.
RUNS = re.compile(r"\s*(javascript:|data:(?!image/))", re.I)


class Markup(HTMLParser):
    """Finds what of a page would run, or was made of a hostile text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "script" and "src" not in names:
            self.found.append("a script without a file")
        if names.get("src") == "x":
            self.found.append(f"<{tag} src=x>")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action") and RUNS.match(value or ""):
                self.found.append(f"{tag} {name}={value}")


def harmless(page: str) -> bool:
    markup = Markup()
    markup.feed(page)
    assert markup.found == []
    return "1337" not in page


INPUTS = ("input", "textarea", "select", "button")


class Fields(HTMLParser):
    """The forms of a page: where each goes, and the names of what can be filled in."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._open: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = {}
            if names.get("method", "").lower() == "post":
                self.forms.append((names.get("action", ""), self._open))
        elif self._open is not None and tag in INPUTS and names.get("type") != "file":
            self._open[names.get("name") or "unnamed"] = names.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def pages(app: Flask, specimen_id: str) -> Iterator[str]:
    """Every page that a person can open, of one specimen."""
    for rule, method, address in routes(app):
        if method == "GET" and not rule.scope and not rule.passive and address != "/lock":
            yield address.replace("/none", f"/{specimen_id}")


# These end or hold up what the test needs, and take no text.
LEFT_OUT = ("/logout", "/lock", "/settings/restart", "/health/check", "/benchmark")


def forms(client: FlaskClient, address: str) -> list[tuple[str, dict[str, str]]]:
    """Of a page: where each form goes, and its fields."""
    page = client.get(address, buffered=True)
    found = Fields()
    if page.mimetype == "text/html":
        found.feed(page.text)
    return [(action or address, fields) for action, fields in found.forms]


def check(page: TestResponse) -> None:
    assert page.status_code < 500, page.request.path
    if page.mimetype == "text/html":
        assert harmless(page.text), page.request.path


def test_hostile_text_in_every_field_of_every_form_is_text(
    app: Flask, client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(client, service, label=NAME, site=NAME)
    sent: set[tuple[str, ...]] = set()
    for address in pages(app, specimen_id):
        # A form before may have changed this person's password, and so ended her session.
        client = logged_in(app)
        for target, fields in forms(client, address):
            if target.startswith(LEFT_OUT) or (target, *fields) in sent:
                continue
            sent.add((target, *fields))
            for hostile in (HOSTILE, NAME):
                data = dict.fromkeys(fields, hostile) | {"csrf_token": fields["csrf_token"]}
                check(client.post(target, data=data))
    assert len({target for target, *_ in sent}) > 15 and sum(map(len, sent)) > 80
    service.stop()
    assert service.wait(20)
    client = logged_in(app)
    for address in pages(app, specimen_id):
        check(client.get(address, buffered=True))


def test_hostile_words_of_people_files_and_programs_are_text(
    app: Flask, service: ScreeningService
) -> None:
    client = logged_in(app, "admin", NAME)
    specimen_id = screen(client, service, label=NAME, site=NAME, smears="both")
    Tokens(service.store).create(NAME, ["health"], NAME)
    item = Outbox(service.store).add("fhir", "bundle", specimen_id, 1, b"{}")
    Outbox(service.store).mark_failed(item.item_id, HOSTILE, None)
    judge_all(client, service, specimen_id, "ring")
    assert send(client, specimen_id, "sign").status_code == 303
    reason = {"verdict": "inconclusive", "reason": HOSTILE}
    assert send(client, specimen_id, "amend", **reason).status_code == 303
    for address in pages(app, specimen_id):
        check(client.get(address, buffered=True))


def test_hostile_queries_are_text(app: Flask, client: FlaskClient) -> None:
    names = ("q", "barcode", "month", "before", "next", "name", "label", "smear", "cell", "page",
             "site", "from", "to", "verdict", "task", "status", "age_band")  # fmt: skip
    query = dict.fromkeys(names, HOSTILE)
    for address in pages(app, "none"):
        check(client.get(address, query_string=query, buffered=True))


PARTS = (
    "..",
    "../..",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "....//",
    "%00",
    "a%0d%0aSet-Cookie:x",
    "\\..\\..",
    "C:%5C",
    "x" * 3000,
    "%ff%fe",
    "records.db",
    "tls.pem",
)


def test_no_address_leaves_its_folder(app: Flask, client: FlaskClient) -> None:
    asked = [
        address
        for rule, method, address in routes(app)
        if method == "GET" and "none" in address and not rule.scope
    ]
    for address in [*asked, "/static/none", "/first-run/none"]:
        for part in PARTS:
            answer = client.get(address.replace("none", part))
            assert answer.status_code in (303, 308, 404), (address, part)
            assert "Set-Cookie:x" not in str(answer.headers)
            answer.close()


def test_no_uploaded_name_leaves_its_folder(client: FlaskClient, service: ScreeningService) -> None:
    home = service.store.home
    before = {path for path in home.parent.rglob("*") if home not in path.parents}
    for name in ("../../x.png", "..", "/etc/x", "a\\..\\b.png", "\x00.png", "con"):
        data = {"label": "S-1", "source": "upload", "csrf_token": token(client)}
        files = {"images": [(io.BytesIO(field_png()), name)]}
        client.post("/specimens/new", data=data | files, content_type="multipart/form-data")
        worklist = {"worklist": (io.BytesIO(b"barcode,patient_id\nB-1,P-1\n"), name)}
        client.post("/records/worklist", data=worklist | {"csrf_token": token(client)})
        assert service.wait(10)
    assert {path for path in home.parent.rglob("*") if home not in path.parents} == before


def test_methods_that_nobody_uses_change_nothing(app: Flask, client: FlaskClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        for address in ("/", "/specimens", "/login", "/settings"):
            assert client.open(address, method=method).status_code == 405, (method, address)


def test_forged_headers_change_nothing(client: FlaskClient) -> None:
    page = client.get(
        "/specimens",
        headers={
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "X-Original-URL": "/settings",
            "X-HTTP-Method-Override": "DELETE",
        },
    )
    assert page.status_code in (200, 303) and "evil.example" not in page.text
