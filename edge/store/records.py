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
# What is screened.
MALARIA, CHEST_XRAY = "malaria", "chest-xray"
TASKS = (MALARIA, CHEST_XRAY)


@dataclass(frozen=True)
class SpecimenDetails:
    """Whose specimen it is and how it is to be read; see `SpecimenRecord` for each."""

    patient_id: str | None = None
    operator: str = ""
    site: str = ""
    barcode: str = ""
    task: str = MALARIA
    collected_utc: str | None = None
    protocol: str = ""
    consent: bool = False


@dataclass(frozen=True)
class SpecimenRecord:
    """One screened specimen. `report` is `SlideReport.to_json()`, None until there is one.

    Attributes:
        label: what the operator wrote on the slide; a pseudonym, never a name.
        source: "camera:simulated", "upload", …
        source_settings: what is needed to repeat it (seed, parasitaemia of a simulation, files).
        error: why it failed or stopped; empty otherwise.
        patient_id: the pseudonym in the register; None where none was given.
        collected_utc: when the blood was drawn, ISO 8601: a date, or a time with offset.
        protocol: "name@version" of the counting rules.
        consent: its images may be used for training.
        verdict: that of the newest result, a person's included; None while there is none.
        result_status: PRELIMINARY, FINAL or AMENDED; empty while there is no result.
        sequence: 1, 2, … in the order of starting, whatever the clock said.
        version: counts the changes, so that two people who change it at once are told.
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
    patient_id: str | None = None
    operator: str = ""
    site: str = ""
    barcode: str = ""
    task: str = MALARIA
    collected_utc: str | None = None
    protocol: str = ""
    consent: bool = False
    verdict: str | None = None
    result_status: str = ""
    sequence: int = 0
    version: int = 1


@dataclass(frozen=True)
class FieldRecord:
    """One field of a specimen, usable or refused.

    Attributes:
        disagreement_count: cells that classifier or novelty network alone suspects.
        refused_cell_count: objects refused as no red cell, each with its reason in `cells`.
        stage_counts: infected cells by the stage named, all four of them; None where no network
            told stages apart.
        image_file: path relative to the store's folder; None where there is no image.
        cells: dicts as `screen --json` writes them.
        ran_on: runtime, accelerator, threads, fallback and networks of what computed this
            field; None where none did, and in records from before it was kept.
        image_gone: why an image that there was is no more; its hash stays.
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
    image_gone: str = ""


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

    @property
    def kind(self) -> str:
        """AGREED, DISPUTED or REFUSED."""
        if self.refused:
            return REFUSED
        return DISPUTED if self.disagrees else AGREED


# As DHIS2 counts malaria cases.
AGE_BANDS = ("0-4", "5-14", "15+", "unknown")
SEXES = ("female", "male", "other", "unknown")
THIN, THICK = "thin", "thick"
SMEARS = (THIN, THICK)
# A result's state: the machine's, signed by a person, changed after that.
PRELIMINARY, FINAL, AMENDED = "preliminary", "final", "amended"
VERDICTS = ("positive", "negative", "inconclusive", "refused")
# An outgoing item's state: to be sent, acknowledged by the receiver, given up until a person acts.
WAITING, SENT, UNSENT = "waiting", "sent", "failed"
# Who did what no person did.
DEVICE = "device"


@dataclass(frozen=True)
class Patient:
    """A person, by pseudonym alone. `age_band` is one of AGE_BANDS, `sex` one of SEXES."""

    patient_id: str
    age_band: str = "unknown"
    sex: str = "unknown"
    site: str = ""


@dataclass(frozen=True)
class Slide:
    """A glass of a specimen: the THIN one is the machine's, a THICK one is read by a person."""

    slide_id: int
    specimen_id: str
    smear: str
    barcode: str


@dataclass(frozen=True)
class WorklistItem:
    """A slide that is expected, or was screened as `specimen_id`."""

    barcode: str
    patient_id: str
    site: str
    smear: str
    collected_utc: str | None
    specimen_id: str | None


@dataclass(frozen=True)
class Review:
    """What a person says of a suspect cell; the newest of a cell counts.

    Attributes:
        label: the person's, as of `edge.contract.labels`.
        confirmed: it is the machine's label, too.
    """

    review_id: int
    cell_id: int
    specimen_id: str
    label: str
    confirmed: bool
    by: str
    at_utc: str
    note: str


@dataclass(frozen=True)
class PersonTally:
    """A person's counts of one reading. `wbc_per_ul` where the patient's was measured."""

    tally_id: int
    slide_id: int
    specimen_id: str
    by: str
    at_utc: str
    parasites: int
    gametocytes: int
    wbc_counted: int
    rbc_counted: int
    wbc_per_ul: int | None


@dataclass(frozen=True)
class Result:
    """One version of a specimen's result; the highest version is in force.

    Attributes:
        status: PRELIMINARY from the machine, FINAL once signed, AMENDED when changed after that.
        report: `SlideReport.to_json()`, or what reviews made of it.
        by: who signed, or DEVICE.
        reason: why it was amended; empty otherwise.
    """

    specimen_id: str
    version: int
    status: str
    report: dict[str, Any]
    by: str
    at_utc: str
    reason: str


@dataclass(frozen=True)
class AuditEntry:
    """A line of the log, chained to the line before it by `previous_sha256`."""

    number: int
    at_utc: str
    by: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous_sha256: str
    sha256: str


@dataclass(frozen=True)
class OutboxItem:
    """A payload for a server. At most one of each target, kind, specimen and version.

    Attributes:
        specimen_id: empty where it is of no single specimen (a month's counts).
        payload_file: path relative to the store's folder.
        attempts: how often sending failed.
        next_try_utc: not to be sent before.
    """

    item_id: int
    target: str
    kind: str
    specimen_id: str
    version: int
    payload_file: str
    payload_sha256: str
    state: str
    attempts: int
    next_try_utc: str
    last_error: str
    acknowledged_utc: str | None
