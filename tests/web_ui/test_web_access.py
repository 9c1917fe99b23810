"""Who may ask for what: every route, every role, and an attacker without any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as Route

from edge.screening.service import ScreeningService
from edge.store.tokens import SCOPES, Tokens
from edge.store.users import ROLES
from web_ui.access import RULES, Rule

# Of a part of an address; nothing of these is there.
ARGUMENTS: dict[str, Any] = {"index": 0, "number": 0, "cell_id": 1, "item_id": 1, "size_px": 192}


def routes(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each rule with a method and an address that it answers."""
    adapter = app.url_map.bind("localhost")
    for route in app.url_map.iter_rules():
        values = {name: _argument(route, name) for name in route.arguments}
        address = adapter.build(route.endpoint, values)
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield RULES[route.endpoint], method, address


def _argument(route: Route, name: str) -> Any:
    kind = type(route._converters[name]).__name__
    return ARGUMENTS.get(name, 1) if kind == "IntegerConverter" else ARGUMENTS.get(name, "none")


def ask(client: FlaskClient, method: str, address: str, **headers: str) -> tuple[int, str]:
    """Status and where to; a picture that never ends is not waited for."""
    response = client.open(address, method=method, headers=headers)
    response.close()
    return response.status_code, response.location or ""


def test_every_endpoint_has_its_line_and_every_line_its_endpoint(app: Flask) -> None:
    assert {route.endpoint for route in app.url_map.iter_rules()} == set(RULES)


def test_endpoint_without_a_line_is_closed(
    app: Flask, client_as: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert client_as("admin").get("/forgotten").status_code == 403
    assert "forgotten has no rule" in caplog.text


def test_nobody_sees_what_is_not_public(app: Flask, anonymous: FlaskClient) -> None:
    tried = 0
    for rule, method, address in routes(app):
        status, to = ask(anonymous, method, address)
        if rule.scope and not rule.loopback:
            assert status == 401, address
        elif rule.least:
            assert (status, to[:12]) == (303, "/login?next="), address
            tried += 1
        else:
            assert status not in (401, 403), address
            assert "/login?next=" not in to or address == "/lock", address
    assert tried > 30


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reaches_what_its_rules_allow_and_no_more(
    app: Flask, client_as: Callable[..., FlaskClient], role: str
) -> None:
    client = client_as(role)
    refused = allowed = 0
    for rule, method, address in routes(app):
        if rule.scope or rule.public:
            continue
        status, to = ask(client, method, address)
        assert not to.startswith(("/login", "/lock")), address
        if ROLES.index(role) < ROLES.index(rule.least):
            assert status == 403, (method, address)
            refused += 1
        elif method == "GET":
            assert status not in (401, 403, 405, 500), (method, address)
            allowed += 1
        else:
            # It came as far as the check against forged forms, which nothing sent here passes.
            assert status == 400, (method, address)
            allowed += 1
    assert allowed > 20 and (refused > 5) is (role != "admin")


def test_every_form_needs_its_token(app: Flask, client: FlaskClient) -> None:
    tried = 0
    for rule, method, address in routes(app):
        if method == "GET" or rule.scope:
            continue
        for data in ({}, {"csrf_token": "forged"}, {"csrf_token": ""}):
            response = client.open(address, method=method, data=data)
            assert response.status_code == 400, (method, address)
            tried += 1
    assert tried > 20


def test_program_reaches_what_its_scope_allows(app: Flask, service: ScreeningService) -> None:
    tokens = {scope: Tokens(service.store).create(scope, [scope], "x")[1] for scope in SCOPES}
    client = app.test_client()
    tried = 0
    for rule, method, address in routes(app):
        if not rule.scope:
            continue
        for scope, secret in tokens.items():
            status, _ = ask(client, method, address, Authorization=f"Bearer {secret}")
            if scope == rule.scope or rule.loopback:
                assert status not in (401, 403, 500), (scope, address)
            else:
                assert status == 403, (scope, address)
            tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", "Bearer cs_wrong", "Basic QW5hOmJsdWU=", "Bearer \xe9", "x" * 5000],
)
def test_wrong_tokens_open_nothing(app: Flask, service: ScreeningService, shown: str) -> None:
    token, secret = Tokens(service.store).create("x", SCOPES, "x")
    client = app.test_client()
    for rule, method, address in routes(app):
        if rule.scope and not rule.loopback:
            assert ask(client, method, address, Authorization=shown)[0] == 401, address
    Tokens(service.store).revoke(token.token_id, "x")
    assert ask(client, "GET", "/api/v1/health", Authorization=f"Bearer {secret}")[0] == 401


def test_session_is_no_token_and_a_token_no_session(
    app: Flask, client: FlaskClient, service: ScreeningService
) -> None:
    secret = Tokens(service.store).create("x", SCOPES, "x")[1]
    nobody = app.test_client()
    for rule, method, address in routes(app):
        if rule.scope and not rule.loopback:
            assert ask(client, method, address)[0] == 401, address
        elif rule.least:
            shown = ask(nobody, method, address, Authorization=f"Bearer {secret}")
            assert shown[0] == 303, address


def test_figures_for_monitoring_are_for_the_device_itself_or_a_token(
    app: Flask, client: FlaskClient, service: ScreeningService
) -> None:
    secret = Tokens(service.store).create("x", ["metrics"], "x")[1]
    away = {"environ_base": {"REMOTE_ADDR": "192.168.4.7"}}
    nobody = app.test_client()
    assert nobody.get("/metrics").status_code == 200
    assert nobody.get("/metrics", **away).status_code == 401
    assert (
        nobody.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}, **away).status_code == 401
    )
    shown = {"Authorization": f"Bearer {secret}"}
    assert nobody.get("/metrics", headers=shown, **away).status_code == 200


def test_what_a_person_may_not_open_is_not_offered(client_as: Callable[..., FlaskClient]) -> None:
    client = client_as("operator")
    links = {unescape(link) for link in re.findall(r'href="(/[^"]*)"', client.get("/").text)}
    assert "/specimens/new" in links and len(links) > 8
    refused = {link for link in links if ask(client, "GET", link)[0] == 403}
    assert refused == set()


def test_refusal_says_whom_to_ask(client_as: Callable[..., FlaskClient]) -> None:
    page = client_as("operator").get("/specimens/none/sign")
    assert page.status_code == 403 and "Your role does not allow this" in page.text
