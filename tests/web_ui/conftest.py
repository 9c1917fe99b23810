from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener

from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.store.store import Store
from web_ui import create_app


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
    return app.test_client()
