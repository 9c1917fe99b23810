"""What the API takes and gives, as values; their docstrings are the document's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES, XRAY_TASKS
from edge.store.records import (
    AMENDED,
    DONE,
    FAILED,
    FINAL,
    INTERRUPTED,
    PRELIMINARY,
    RUNNING,
    STOPPED,
    TASKS,
    VERDICTS,
)
from edge.store.text_rules import MAX_NAME
from web_ui.api.kinds import REF, limited
from web_ui.forms import MAX_FIELDS, MAX_LABEL_CHARACTERS, MAX_SEED

STATUSES = (RUNNING, DONE, STOPPED, FAILED, INTERRUPTED)
RESULT_STATUSES = (PRELIMINARY, FINAL, AMENDED)
PREDICT_TASKS = (MALARIA_CELLS, MALARIA_STAGES, *XRAY_TASKS)
PAGE_LENGTH, PAGE_AT_MOST = 50, 200
_ID = {"minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/-]*$"}
_DAY = {"maxLength": 10, "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "format": "date"}
# One line that no spreadsheet takes for a formula; see `edge.store.text_rules`.
_CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069"
_LINE = {
    "maxLength": MAX_NAME,
    "pattern": f"^([^-=+@\\s{_CONTROLS}][^{_CONTROLS}]*)?$",
}
_LABEL = {"minLength": 1, "maxLength": MAX_LABEL_CHARACTERS, "pattern": "\\w"}


@dataclass(frozen=True)
class SpecimenQuery:
    """Which specimens are asked for.

    Attributes:
        limit: at most so many on a page.
        after: the `next` of the page before.
        begins: of barcode, label or patient's id.
        barcode, patient_id: exactly this one.
        task: what is screened.
        status: of screening.
        from_date: started on this day (UTC) or later.
        before_date: started before this day (UTC).
    """

    limit: int = limited(PAGE_LENGTH, minimum=1, maximum=PAGE_AT_MOST)
    after: str | None = limited(None, **_ID)
    begins: str | None = limited(None, minLength=1, maxLength=MAX_NAME)
    barcode: str | None = limited(None, **_ID)
    patient_id: str | None = limited(None, **_ID)
    task: str | None = limited(None, enum=TASKS)
    status: str | None = limited(None, enum=STATUSES)
    from_date: str | None = limited(None, **_DAY)
    before_date: str | None = limited(None, **_DAY)


@dataclass(frozen=True)
class ResultQuery:
    """Which results are asked for.

    Attributes:
        limit: at most so many on a page.
        after: the `next` of the page before.
        verdict: of the result in force.
        result_status: the machine's (preliminary), a person's (final), or changed after that.
        patient_id: exactly this one.
        task: what was screened.
        from_date: of specimens started on this day (UTC) or later.
        before_date: of specimens started before this day (UTC).
    """

    limit: int = limited(PAGE_LENGTH, minimum=1, maximum=PAGE_AT_MOST)
    after: str | None = limited(None, **_ID)
    verdict: str | None = limited(None, enum=VERDICTS)
    result_status: str | None = limited(None, enum=RESULT_STATUSES)
    patient_id: str | None = limited(None, **_ID)
    task: str | None = limited(None, enum=TASKS)
    from_date: str | None = limited(None, **_DAY)
    before_date: str | None = limited(None, **_DAY)


@dataclass(frozen=True)
class FieldQuery:
    """Which fields of a specimen are asked for.

    Attributes:
        limit: at most so many on a page.
        after: the `next` of the page before.
    """

    limit: int = limited(10, minimum=1, maximum=PAGE_LENGTH)
    after: int | None = limited(None, minimum=0, maximum=2**31 - 1)


@dataclass(frozen=True)
class PredictQuery:
    """What the pictures are.

    Attributes:
        task: crops of single red cells (malaria-…), or whole chest X-rays (cxr-…).
    """

    task: str = limited(MALARIA_CELLS, enum=PREDICT_TASKS)


@dataclass(frozen=True)
class SimulatedSlide:
    """A slide that the device draws, to try it without a microscope.

    Attributes:
        seed: another one draws another slide.
        parasitaemia_fraction: 0 to 1.
        fields: at most; without it as many as the protocol needs.
    """

    seed: int = limited(1, minimum=0, maximum=MAX_SEED)
    parasitaemia_fraction: float | None = limited(None, minimum=0, maximum=1)
    fields: int | None = limited(None, minimum=1, maximum=MAX_FIELDS)

    def settings(self) -> dict[str, Any]:
        """As the service takes them."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class NewSpecimen:
    """A specimen to screen from the device's own camera.

    Attributes:
        label: what is written on the slide; a pseudonym, never a name.
        simulated: draws the slide in place of the camera.
        barcode: of the slide.
        patient_id: pseudonym of a patient in the register.
        site: where the blood was drawn.
        operator: who screens; without it the name of the token.
    """

    label: str = limited(**_LABEL)
    simulated: SimulatedSlide | None = None
    barcode: str | None = limited(None, **_ID)
    patient_id: str | None = limited(None, **_ID)
    site: str = limited("", **_LINE)
    operator: str = limited("", **_LINE)


@dataclass(frozen=True)
class UploadedSpecimen:
    """A specimen to screen from field images, which are sent in the parts `images`.

    Attributes:
        label: what is written on the slide; a pseudonym, never a name.
        barcode: of the slide.
        patient_id: pseudonym of a patient in the register.
        site: where the blood was drawn.
        operator: who screens; without it the name of the token.
    """

    label: str = limited(**_LABEL)
    barcode: str | None = limited(None, **_ID)
    patient_id: str | None = limited(None, **_ID)
    site: str = limited("", **_LINE)
    operator: str = limited("", **_LINE)


@dataclass(frozen=True)
class Pictures:
    """Pictures to call, which are sent in the parts `images`."""


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
