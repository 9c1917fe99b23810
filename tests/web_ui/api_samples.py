"""Programs that ask a test's device."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.store.store import Store
from edge.store.tokens import SCOPES, Tokens

ROOT = "/api/v1"


def secret_of(store: Store, scopes: Iterable[str] = SCOPES) -> str:
    """Of a new token."""
    return Tokens(store).create("laboratory", scopes, "test")[1]


@dataclass(frozen=True)
class Program:
    """Asks with a token, and holds each refusal to its form."""

    client: FlaskClient
    secret: str = ""

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.ask("GET", path, query_string=query)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """JSON where there is a body; bytes are sent as they are."""
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body)
            options.setdefault("content_type", "application/json")
        return self.ask("POST", path, **options)

    def send(self, path: str, **form: Any) -> TestResponse:
        """A form with files."""
        return self.ask("POST", path, data=form, content_type="multipart/form-data")

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        address = path if path.startswith("/") else f"{ROOT}/{path}"
        answer = self.client.open(address, method=method, headers=headers, **options)
        if answer.status_code >= 400:
            check_problem(answer)
        return answer


def check_problem(answer: TestResponse) -> None:
    """As RFC 9457 has it; nothing that a browser would show as a page."""
    assert answer.content_type == "application/problem+json"
    told = json.loads(answer.data)
    assert set(told) == {"type", "title", "status", "detail", "errors"}
    assert told["status"] == answer.status_code and told["title"]


def problem_of(answer: TestResponse) -> str:
    """What went wrong, in one line."""
    told = json.loads(answer.data)
    errors = [f"{error['field']}: {error['message']}" for error in told["errors"]]
    return " | ".join([told["detail"], *errors])


def program(app: Flask, store: Store, scopes: Iterable[str] = SCOPES) -> Program:
    """With a new token of these scopes."""
    return Program(app.test_client(), secret_of(store, scopes))
