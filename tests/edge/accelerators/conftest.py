"""The delegate, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.bundle import Bundle, open_bundle
from tests.conftest import SHIPPED
from tests.edge.accelerators.drawn_delegate import build_delegate


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_delegate(tmp_path_factory.mktemp("delegate"))


@pytest.fixture(scope="session")
def shipped() -> Bundle:
    return open_bundle(SHIPPED)
