"""A device's records as new, made once: the tests of the store prove how."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.store.store import Store
from tests.support.signed_updates import keep_new_records


@pytest.fixture(scope="session", autouse=True)
def new_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("new"))
    store.close()
    keep_new_records(store.path)
    return store.path
