"""Drawn specimens whose suspect cells people reviewed, and what a device exports of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.cameras.smear import DrawnField, SmearSettings, TrueCell, draw_field
from edge.contract.images import encode_image
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult
from edge.interop.corrections import export_corrections
from edge.store.records import Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.review import Reviews
from edge.store.store import Store
from tests.support.clinic_specimens import REPORT

_SMEAR = SmearSettings(
    width_px=720, height_px=540, um_per_px=0.2, cells_per_field=55, parasitaemia_fraction=0.4
)


def drawn(seed: int) -> DrawnField:
    """A field with infected and healthy cells."""
    return draw_field(_SMEAR, seed, 0)


def whole_cells(field: DrawnField) -> list[TrueCell]:
    """Those that a finder would box alone, infected ones first."""
    whole = [cell for cell in field.cells if not cell.at_border and not cell.overlapped]
    return sorted(whole, key=lambda cell: cell.label == "uninfected")


def true_label(cell: TrueCell) -> str:
    """A reviewer who is always right."""
    return cell.label


def review_specimen(
    store: Store,
    seed: int = 1,
    *,
    patient: str = "P-1",
    site: str = "Kisumu",
    by: str = "Ann Reader",
    says: Callable[[TrueCell], str] = true_label,
    image: bytes = b"",
    cells: Sequence[TrueCell] = (),
) -> str:
    """A specimen of one field, `cells` of it (else all whole ones) suspected and reviewed."""
    if not Register(store).find_patient(patient):
        Register(store).add_patient(Patient(patient, "5-14", "female", site))
    field = drawn(seed)
    chosen = list(cells) or whole_cells(field)
    details = SpecimenDetails(patient, by, site, consent=True)
    specimen_id = store.start_specimen("S", "upload", {}, details)
    found = FieldResult(
        "field-1", FieldQuality(True, "", 5.0, 200.0, 0.0, 0.3), tuple(map(_suspect, chosen))
    )
    store.save_field(specimen_id, 0, found, image or encode_image(field.image))
    store.finish_specimen(specimen_id, replace(REPORT, positive_count=len(chosen)))
    at = {(cell.left_px, cell.top_px): cell for cell in chosen}
    for cell in store.suspect_cells(specimen_id):
        Reviews(store).review_cell(cell.cell_id, says(at[cell.left_px, cell.top_px]), by)
    return specimen_id


def export_of(
    root: Path, seed: int = 1, *, now: str = "2026-11-20T08:00:00+00:00", **given: object
) -> Path:
    """The export of a device with one such specimen."""
    with closing(Store(root / "home", now=lambda: now)) as store:
        review_specimen(store, seed, **given)  # type: ignore[arg-type]
        return export_corrections(store, root / "export").folder


def _suspect(cell: TrueCell) -> CellCall:
    mask = np.ones((cell.height_px, cell.width_px), bool)
    box = CellBox(cell.left_px, cell.top_px, cell.width_px, cell.height_px, mask)
    cam = np.zeros((6, 6), np.float32)
    return CellCall(box, "parasitised", 0.9, None, True, cam)
