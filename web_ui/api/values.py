"""What the API gives, as values; their docstrings are the document's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from web_ui.api.kinds import REF


@dataclass(frozen=True)
class Specimen:
    """A specimen, without its result.

    Attributes:
        task: malaria, or chest-xray.
        source: where the pictures came from.
        status: of screening: running, done, stopped, failed or interrupted.
        error: why it failed or stopped; empty otherwise.
        protocol: "name@version" of the counting rules.
        result_status: preliminary, final or amended; empty while there is no result.
        fields_read, fields_refused: so far.
        more_fields: still to be read by the protocol, as far as is known.
        version: counts its changes.
    """

    specimen_id: str
    label: str
    task: str
    source: str
    status: str
    error: str
    started_utc: str
    finished_utc: str | None
    patient_id: str | None
    barcode: str
    site: str
    operator: str
    protocol: str
    result_status: str
    fields_read: int
    fields_refused: int
    more_fields: int
    version: int


@dataclass(frozen=True)
class SpecimenPage:
    """Specimens, newest first.

    Attributes:
        next: what to give as `after` for the next page; null on the last.
    """

    items: tuple[Specimen, ...]
    next: str | None


@dataclass(frozen=True)
class Field:
    """One field of view.

    Attributes:
        index: its number within the specimen, from 0.
        name: of its file, or the camera's counter.
        usable: False where it was refused and nothing in it counts; then `reason` says why.
        rbc_count: whole red cells.
        positive_count: of them called infected.
        quality: measures of focus, exposure and stain.
        cells: each with its box in pixels, label, score and novelty, as `clinicscope screen
            --json` writes them.
        timings_ms: of each step.
    """

    index: int
    name: str
    usable: bool
    reason: str
    rbc_count: int
    positive_count: int
    quality: dict[str, Any]
    cells: tuple[dict[str, Any], ...]
    timings_ms: dict[str, float]


@dataclass(frozen=True)
class FieldPage:
    """Fields by index.

    Attributes:
        next: what to give as `after` for the next page; null on the last.
    """

    items: tuple[Field, ...]
    next: int | None


@dataclass(frozen=True)
class Result:
    """One version of a specimen's result; the highest version is in force.

    Attributes:
        version: from 1.
        status: preliminary (the machine's), final (signed by a person), amended (changed after).
        verdict: positive, negative, inconclusive or refused; a failure is never negative.
        why: the reason in a sentence or two.
        by: who signed; "device" of what no person did.
        reason: why it was amended; empty otherwise.
        report: counts, intervals, and what really ran.
        notice: what this is and what it is not.
    """

    specimen_id: str
    version: int
    status: str
    verdict: str
    why: str
    by: str
    at_utc: str
    reason: str
    report: dict[str, Any] = field(metadata={"$ref": f"{REF}SlideReport"})
    notice: str = ""


@dataclass(frozen=True)
class ResultPage:
    """Results in force, of the newest specimens first.

    Attributes:
        next: what to give as `after` for the next page; null on the last.
    """

    items: tuple[Result, ...]
    next: str | None


@dataclass(frozen=True)
class ResultHistory:
    """All versions of a specimen's result, oldest first."""

    items: tuple[Result, ...]


@dataclass(frozen=True)
class Prediction:
    """What one picture was called.

    Attributes:
        name: of its file, as it was sent.
        score: P(positive label) of two labels, else that of the label called; null where no
            network was shown the picture. Not how likely a disease is.
        call: null where it was refused; a refused picture is never called healthy.
        certainty: of the call, 0 to 1; null where nothing is called.
        doubt: why a person must decide; empty where the call is steady and clear.
        novelty: 0 to 1; null where the bundle has no network for it.
        refused: why nothing is called; empty where something is.
    """

    name: str
    score: float | None
    call: str | None
    certainty: float | None
    doubt: str
    novelty: float | None
    refused: str


@dataclass(frozen=True)
class Predictions:
    """A call for each picture, in the order sent, and what made them.

    Attributes:
        bundle_sha256: of the bundle's content.
        runtime, accelerator: what really computed it.
        fallback: what was preferred could not be used; then `fallback_why` says why.
        notice: what this is and what it is not.
    """

    task: str
    items: tuple[Prediction, ...]
    bundle_id: str
    bundle_sha256: str
    runtime: str
    accelerator: str
    fallback: bool
    fallback_why: str
    notice: str


@dataclass(frozen=True)
class CameraHealth:
    """The device's camera.

    Attributes:
        state: opening, live, stalled, lost, stuck or closed.
        advice: what to do; empty where nothing is.
    """

    name: str
    state: str
    title: str
    advice: str


@dataclass(frozen=True)
class Health:
    """How the device is.

    Attributes:
        ready: it may screen; else `problem` says why not.
        screening: id of the specimen at work; null where none is.
        bundle_id, runtime, accelerator: what screens; null where nothing may.
        fallback: what was preferred could not be used; then `fallback_why` says why.
        camera: null where the device has none.
        disk_free_bytes: where the records are.
        waiting_to_send: results that no receiver acknowledged.
        given_up: results that are not sent any more until a person acts.
    """

    ready: bool
    problem: str
    version: str
    screening: str | None
    bundle_id: str | None
    runtime: str | None
    accelerator: str | None
    fallback: bool
    fallback_why: str
    camera: CameraHealth | None
    disk_free_bytes: int
    waiting_to_send: int
    given_up: int
