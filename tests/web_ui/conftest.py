from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from web_samples import ScriptedScreener

from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.store.store import Store
from tests.support.people import CHEAP, add_person, logged_in
from web_ui import create_app


class KeptTemplates(BytecodeCache):
    """Compiled templates, so that not every test compiles them for its own page."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def kept_templates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", KeptTemplates())
        yield


@pytest.fixture(autouse=True)
def collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test may leave to the garbage collector is collected in it, and not in a later one."""
    yield
    if any("Unraisable" in str(mark.args) for mark in request.node.iter_markers("filterwarnings")):
        gc.collect()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page hashes, too, costs no test a quarter of a second."""
    monkeypatch.setattr("edge.store.users.COST", CHEAP)


@pytest.fixture
def screener() -> ScriptedScreener:
    return ScriptedScreener()


@pytest.fixture
def service(tmp_path: Path, screener: ScriptedScreener) -> Iterator[ScreeningService]:
    protocol = Protocol("test-100", minimum_rbc_count=100, negative_limit_fraction=0.05)
    service = ScreeningService(Store(tmp_path / "home"), lambda: screener, protocol)
    yield service
    if screener.gate is not None:
        screener.gate.set()
    service.close()


@pytest.fixture
def app(service: ScreeningService) -> Flask:
    return create_app(service, max_upload_bytes=2_000_000)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An admin's browser."""
    return logged_in(app)


@pytest.fixture
def client_as(app: Flask) -> Callable[..., FlaskClient]:
    """`client_as(role)` or `client_as(role, name)`: the browser of another person."""

    def make(role: str, name: str = "") -> FlaskClient:
        return logged_in(app, role, name or f"The {role}")

    return make


@pytest.fixture
def anonymous(app: Flask, service: ScreeningService) -> FlaskClient:
    """A browser that nobody logged in with, at a device that has an admin."""
    add_person(service.store)
    return app.test_client()
