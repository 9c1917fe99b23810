"""The servers of this folder, started once, and a clinic for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clinic import make_clinic
from real_servers import Orthanc, fhir_server, orthanc_server

from edge.store.store import Store


@pytest.fixture()
def store(tmp_path: Path) -> Iterator[Store]:
    """The records of a small clinic, where the program looks for them."""
    found = make_clinic(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture(scope="session")
def fhir_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real FHIR server; it keeps what other tests sent."""
    with fhir_server(tmp_path_factory.mktemp("fhir")) as url:
        yield url


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """A real Orthanc; it keeps what other tests sent."""
    with orthanc_server(tmp_path_factory.mktemp("orthanc")) as found:
        yield found
