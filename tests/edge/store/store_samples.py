"""Small made-up results; imported by the tests and by the programs that they kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edge.contract.types import (
    CellBox,
    CellCall,
    FieldQuality,
    FieldResult,
    RanOn,
    SlideReport,
)

RAN_ON = RanOn("malaria-1", "ab" * 32, "litert", "cpu", fallback=False, threads=2)


def make_image(index: int, size_bytes: int = 20_000) -> bytes:
    """Bytes that do not compress, the same for the same index."""
    return np.random.default_rng(index).bytes(size_bytes)


def make_cell(number: int, label: str = "uninfected", score: float | None = 0.25) -> CellCall:
    """A counted cell; an infected one carries a (3,4) class activation map."""
    cam = None
    if label != "uninfected":
        cam = np.arange(12, dtype=np.float32).reshape(3, 4) + np.float32(number / 3)
    box = CellBox(10 * number, 7, 30, 31, np.ones((31, 30), bool))
    return CellCall(box, label, score, novelty=0.125, counted=True, cam=cam)


def make_field(index: int, healthy: int = 20, infected: int = 2) -> FieldResult:
    """A usable field; scores of its infected cells rise with their number."""
    quality = FieldQuality(True, "", 41.5, 200.0, 0.001, 0.3)
    cells = [make_cell(n) for n in range(healthy)]
    cells += [make_cell(n, "parasitised", 0.9 + n / 100) for n in range(infected)]
    return FieldResult(f"field_{index}.png", quality, tuple(cells), {"total": 12.5})


def make_staged_field(index: int, stages: Sequence[str] = ("ring", "gametocyte")) -> FieldResult:
    """A usable field whose infected cells were looked at for their stage."""
    cells = [make_cell(n, stage, 0.9) for n, stage in enumerate([*stages, "parasitised"])]
    quality = FieldQuality(True, "", 41.5, 200.0, 0.001, 0.3)
    return FieldResult(f"{index}.png", quality, tuple(cells), stages_read=True)


def make_doubtful_field(index: int) -> FieldResult:
    """A usable field on which two networks differ, with objects that were refused."""
    calls = (
        ("parasitised", {"score": 0.95, "novelty": 0.9}),
        ("parasitised", {"score": 0.8, "novelty": 0.1, "disagrees": True}),
        ("uninfected", {"score": 0.1, "novelty": 0.97, "disagrees": True}),
        ("parasitised", {"score": 0.9, "refused": "no red cell (foreign .9)", "counted": False}),
        ("debris", {"score": None, "refused": "no red cell (foreign .8)", "counted": False}),
        ("uninfected", {"score": 0.1, "novelty": 0.1}),
    )
    cells = (replace(make_cell(n, label), **values) for n, (label, values) in enumerate(calls))
    return FieldResult(f"{index}.png", FieldQuality(True, "", 1.0, 2.0, 0.0, 0.1), tuple(cells))


def make_report(verdict: str = "negative", **changes: Any) -> SlideReport:
    """A report of a finished specimen."""
    values: dict[str, Any] = {
        "verdict": verdict,
        "why": "5,000 red cells were read",
        "rbc_count": 5000,
        "positive_count": 3,
        "parasitaemia_fraction": 0.0006,
        "ci_low": 0.0,
        "ci_high": 0.002,
        "observed_fraction": 0.0006,
        "fields_read": 12,
        "fields_refused": 1,
        "minimum_rbc_count": 5000,
        "protocol": "who-thin",
        "ran_on": RAN_ON,
    }
    return SlideReport(**(values | changes))
