"""A store of a small clinic: made by the rooms that the pages use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from store_samples import make_field, make_image, make_report

from edge.store.records import Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.store import Store

PATIENT = Patient("P-1", "5-14", "female", "Kisumu")


class Clock:
    """A clock that a test sets; each look takes a second."""

    def __init__(self, time: str = "2026-11-21T10:00:00+00:00") -> None:
        self.set(time)

    def set(self, time: str) -> None:
        """Puts it to a time."""
        self._time = datetime.fromisoformat(time)

    def __call__(self) -> str:
        self._time += timedelta(seconds=1)
        return self._time.isoformat(timespec="seconds")


def make_store(home: Path, now: Callable[[], str] | None = None) -> Store:
    """An open store with one patient."""
    store = Store(home, now=now or Clock())
    Register(store).add_patient(PATIENT)
    return store


def screen(
    store: Store, verdict: str = "positive", label: str = "S-1", fields: int = 2, barcode: str = ""
) -> str:
    """A finished specimen; returns its id."""
    details = SpecimenDetails("P-1", "Ann", "Kisumu", barcode, collected_utc="2026-11-20")
    specimen_id = store.start_specimen(label, "upload", {}, details)
    for index in range(fields):
        store.save_field(specimen_id, index, make_field(index), make_image(index, 2000))
    store.finish_specimen(specimen_id, make_report(verdict))
    return specimen_id
