"""Drawn specimens in a store of their own, as the service leaves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import encode_image
from edge.contract.types import (
    CellBox,
    CellCall,
    FieldQuality,
    FieldResult,
    RanOn,
    SlideReport,
)
from edge.store.records import DONE, SpecimenDetails
from edge.store.store import Store

RAN_ON = RanOn("malaria-cells-4", "ab" * 32, "litert", "cpu-xnnpack", False, 2)
REPORT = SlideReport(
    verdict="negative",
    why="None of 6,000 red cells looks infected.",
    rbc_count=6000,
    positive_count=0,
    parasitaemia_fraction=0.0,
    ci_low=0.0,
    ci_high=0.0005,
    observed_fraction=0.0,
    fields_read=12,
    fields_refused=1,
    minimum_rbc_count=5000,
    protocol="who-thin-5000",
    protocol_version=1,
    minimum_usable_fields=10,
    ran_on=RAN_ON,
    density_per_ul=0.0,
    density_low_per_ul=0.0,
    density_high_per_ul=2500.0,
    assumptions=("Density assumes 5,000,000 red cells per µL.",),
    sensitivity_cell=0.98,
    sensitivity_n_effective=5000.0,
    specificity_cell=0.9999,
    specificity_n_effective=50000.0,
)


def store_specimen(
    store: Store,
    suspects: int = 2,
    *,
    label: str = "S-1",
    status: str = DONE,
    error: str = "",
    details: SpecimenDetails | None = None,
    **changes: object,
) -> str:
    """A specimen whose report is REPORT with changes; some of its cells look infected."""
    specimen_id = store.start_specimen(label, "simulated", {"seed": 1}, details)
    image = draw_field(SmearSettings(parasitaemia_fraction=0.1), 1, 0).image
    cam = np.linspace(-1, 9, 36, dtype=np.float32).reshape(6, 6)
    cells = tuple(
        CellCall(
            CellBox(60 * number, 60, 48, 48, np.ones((48, 48), bool)),
            "ring" if number % 2 else "parasitised",
            0.95 - 0.05 * number,
            None,
            True,
            cam,
        )
        for number in range(suspects)
    )
    result = FieldResult("field-1", FieldQuality(True, "", 5.0, 200.0, 0.0, 0.3), cells)
    store.save_field(specimen_id, 0, result, encode_image(image, ".jpg"), ".jpg")
    report = replace(REPORT, positive_count=suspects, **changes)  # type: ignore[arg-type]
    store.finish_specimen(specimen_id, report, status, error)
    return specimen_id
