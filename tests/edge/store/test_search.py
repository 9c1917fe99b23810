from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clinic_samples import PATIENT, Clock, make_store, screen

from edge.contract.errors import NotFoundError
from edge.store.records import FINAL, PRELIMINARY, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store

VERDICTS = ("positive", "negative", "inconclusive")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Twelve specimens, one a day, of three verdicts in turn."""
    clock = Clock()
    store = make_store(tmp_path / "home", clock)
    for number in range(12):
        clock.set(f"2026-11-{number + 1:02}T10:00:00+00:00")
        screen(store, VERDICTS[number % 3], f"S-{number}", fields=0, barcode=f"B-{number:02}")
    yield store
    store.close()


def labels(store: Store, limit: int = 50, before: str | None = None, **wanted: str) -> list[str]:
    return [one.label for one in Search(store).page(SpecimenFilter(**wanted), limit, before)]


def test_specimens_are_found_by_what_is_asked(store: Store) -> None:
    assert labels(store, barcode="B-07") == ["S-7"]
    assert labels(store, verdict="positive") == ["S-9", "S-6", "S-3", "S-0"]
    dates = {"from_utc": "2026-11-03", "before_utc": "2026-11-06"}
    assert labels(store, **dates) == ["S-4", "S-3", "S-2"]
    assert labels(store, verdict="negative", **dates) == ["S-4"]
    assert len(labels(store, patient_id="P-1")) == 12
    assert labels(store, patient_id="P-9") == labels(store, site="X") == []
    assert labels(store, begins="B-1") == labels(store, begins="S-1")[:2] == ["S-11", "S-10"]
    assert len(labels(store, begins="P-")) == 12
    for pattern in ("%", "_", "*", "' OR 1=1 --", "\x00"):
        assert labels(store, begins=pattern) == []
    assert Search(store).count(SpecimenFilter(verdict="positive")) == 4
    assert Search(store).count(SpecimenFilter()) == 12


def test_pages_follow_each_other(store: Store) -> None:
    seen: list[str] = []
    before = None
    while page := Search(store).page(SpecimenFilter(status="done"), 5, before):
        seen += [one.label for one in page]
        before = page[-1].specimen_id
    assert seen == [f"S-{number}" for number in range(11, -1, -1)]
    assert labels(store, 2, before=store.specimens()[2].specimen_id, verdict="positive") == [
        "S-6",
        "S-3",
    ]
    with pytest.raises(NotFoundError):
        labels(store, before="none")
    assert labels(store, 0) == labels(store, -1) == []


def test_what_waits_for_a_signature_is_found(store: Store) -> None:
    specimen_id = store.specimens()[3].specimen_id
    Results(store).sign(specimen_id, "Dr Ota")
    assert labels(store, result_status=FINAL) == ["S-8"]
    assert len(labels(store, result_status=PRELIMINARY)) == 11


def test_site_and_task_are_told_apart(store: Store) -> None:
    Register(store).add_patient(replace(PATIENT, patient_id="P-2"))
    details = SpecimenDetails("P-2", site="Lodwar", task="chest-xray")
    store.start_specimen("X-1", "upload", {}, details)
    assert labels(store, site="Lodwar") == labels(store, task="chest-xray") == ["X-1"]
    assert labels(store, status="running") == ["X-1"]
