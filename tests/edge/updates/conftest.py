"""A device that updates come to, with records as new: the tests of the store prove those."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.store import Store
from tests.support.signed_updates import Clinic, keep_new_records, make_clinic


@pytest.fixture(scope="session", autouse=True)
def new_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("new"))
    store.close()
    keep_new_records(store.path)
    return store.path


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def store(clinic: Clinic) -> Iterator[Store]:
    made = clinic.store()
    yield made
    made.close()
