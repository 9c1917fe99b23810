"""What the store gives back: plain frozen values, detached from any database session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.contract.types import F32Array

# A specimen's state. `interrupted` is what a power cut leaves; its verdict is never negative.
RUNNING, DONE, STOPPED, FAILED, INTERRUPTED = "running", "done", "stopped", "failed", "interrupted"
# Suspect cells apart: the networks agree (or there is but one), one alone suspects the cell, or it
# looks infected but was refused as no red cell.
AGREED, DISPUTED, REFUSED = "agreed", "disputed", "refused"


@dataclass(frozen=True)
class SpecimenRecord:
    """One screened specimen. `report` is `SlideReport.to_json()`, None until there is one.

    Attributes:
        label: what the operator wrote on the slide; a pseudonym, never a name.
        source: "camera:simulated", "upload", …
        source_settings: what is needed to repeat it (seed, parasitaemia of a simulation, files).
        error: why it failed or stopped; empty otherwise.
    """

    specimen_id: str
    label: str
    source: str
    source_settings: dict[str, Any]
    status: str
    started_utc: str
    finished_utc: str | None
    report: dict[str, Any] | None
    error: str


@dataclass(frozen=True)
class FieldRecord:
    """One field of a specimen, usable or refused.

    Attributes:
        disagreement_count: cells that classifier or novelty network alone suspects.
        refused_cell_count: objects refused as no red cell, each with its reason in `cells`.
        stage_counts: infected cells by the stage named, all four of them; None where no network
            told stages apart.
        image_file: path relative to the store's folder; None where no image could be read.
        cells: dicts as `screen --json` writes them.
        ran_on: runtime, accelerator, threads, fallback and fallback_why of what computed this
            field; None where none did, and in records from before it was kept.
    """

    specimen_id: str
    index: int
    name: str
    usable: bool
    reason: str
    rbc_count: int
    positive_count: int
    disagreement_count: int
    refused_cell_count: int
    stage_counts: dict[str, int] | None
    quality: dict[str, Any]
    timings_ms: dict[str, float]
    cells: list[dict[str, Any]]
    ran_on: dict[str, Any] | None
    image_file: str | None
    image_sha256: str | None


@dataclass(frozen=True, eq=False)
class SuspectCellRecord:
    """A cell that looks infected to one network at least, with its evidence.

    Attributes:
        label: infected where the classifier suspects it, whatever the novelty network says.
        refused: why it was not counted though it looks infected; empty otherwise.
        disagrees: one of the two networks alone suspects it.
        cam: (h,w) float32 class activation in logit units, over the square of the masked crop.
    """

    cell_id: int
    specimen_id: str
    field_index: int
    left_px: int
    top_px: int
    width_px: int
    height_px: int
    label: str
    score: float
    novelty: float | None
    refused: str
    disagrees: bool
    cam: F32Array | None
