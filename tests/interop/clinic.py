"""A small clinic for the tests of this folder: drawn fields, screened by made-up results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.images import encode_image
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult, RanOn, SlideReport
from edge.interop.settings import InteropSettings
from edge.store.records import Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.store import Store

NOW = "2026-11-21T10:00:00+00:00"
SETTINGS = InteropSettings(identifier_base="https://clinic.example/id")
RAN_ON = RanOn("malaria-cells-5", "ab" * 32, "litert", "cpu", fallback=False, threads=2)
HOSTILE = '=cmd|"/c calc"!A1'


def make_clinic(home: Path, now: str = NOW) -> Store:
    """An open store with two patients."""
    store = Store(home, now=lambda: now)
    Register(store).add_patient(Patient("P-1", "5-14", "female", "Kisumu"))
    Register(store).add_patient(Patient("P-2", "0-4", "male", "Kisumu"))
    return store


def drawn_field(seed: int = 0, side_px: int = 160) -> np.ndarray:
    """(S,S,3) uint8 RGB: pale ground with a few discs."""
    image = np.full((side_px, side_px, 3), 235, np.uint8)
    rows, columns = np.mgrid[:side_px, :side_px]
    for row, column in np.random.default_rng(seed).integers(20, side_px - 20, (6, 2)):
        image[(rows - row) ** 2 + (columns - column) ** 2 < 200] = (190, 120, 130)
    return image


def make_field(index: int, infected: int = 1) -> FieldResult:
    """A usable field; infected cells carry a hot (4,4) activation map."""
    cells = []
    for number in range(infected + 2):
        box = CellBox(40 * number, 60, 30, 28, np.ones((28, 30), bool))
        hot = number < infected
        cam = np.full((4, 4), 50, np.float32) if hot else None
        label = "parasitised" if hot else "uninfected"
        cells.append(CellCall(box, label, 0.95 if hot else 0.1, 0.2, counted=True, cam=cam))
    quality = FieldQuality(True, "", 41.5, 200.0, 0.001, 0.3)
    return FieldResult(f"field_{index}.png", quality, tuple(cells), {"total": 12.5})


def make_report(verdict: str = "positive", **changes: Any) -> SlideReport:
    """A whole report with its interval and density."""
    report = SlideReport(
        verdict=verdict,
        why="5,120 red cells were read.",
        rbc_count=5120,
        positive_count=61,
        parasitaemia_fraction=0.0119,
        ci_low=0.0091,
        ci_high=0.0152,
        observed_fraction=0.0119,
        fields_read=12,
        fields_refused=1,
        minimum_rbc_count=5000,
        protocol="who-thin",
        ran_on=RAN_ON,
        density_per_ul=59_500.0,
        density_low_per_ul=45_500.0,
        density_high_per_ul=76_000.0,
        rbc_per_ul=5_000_000,
        assumptions=("5,000,000 red cells per µL, assumed and not measured.",),
    )
    return replace(report, **changes)


def screen(
    store: Store,
    verdict: str = "positive",
    patient: str | None = "P-1",
    fields: int = 2,
    label: str = "S-1",
    **changes: Any,
) -> str:
    """A finished specimen; returns its id."""
    details = SpecimenDetails(
        patient, "Ann", "Kisumu", "", collected_utc="2026-11-20", protocol="who-thin@1"
    )
    specimen_id = store.start_specimen(label, "upload", {}, details)
    for index in range(fields):
        image = encode_image(drawn_field(index), ".png")
        store.save_field(specimen_id, index, make_field(index), image)
    if verdict == "negative":
        changes = {"positive_count": 0, "parasitaemia_fraction": 0.0, "ci_low": 0.0} | changes
    store.finish_specimen(specimen_id, make_report(verdict, **changes))
    return specimen_id
