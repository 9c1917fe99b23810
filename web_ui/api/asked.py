"""What the API takes, as values; their docstrings are the document's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.contract.labels import CXR_PNEUMONIA, MALARIA_CELLS, MALARIA_STAGES, XRAY_TASKS
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
from web_ui.api.kinds import limited
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
class NewXray:
    """Chest X-rays of one person's visit, which are sent in the parts `images`.

    Attributes:
        label: how the film is marked; a pseudonym, never a name.
        task: what is asked of them.
        barcode: of the film.
        patient_id: pseudonym of a patient in the register.
        site: where it was taken.
        operator: who asks; without it the name of the token.
    """

    label: str = limited(**_LABEL)
    task: str = limited(CXR_PNEUMONIA, enum=XRAY_TASKS)
    barcode: str | None = limited(None, **_ID)
    patient_id: str | None = limited(None, **_ID)
    site: str = limited("", **_LINE)
    operator: str = limited("", **_LINE)


@dataclass(frozen=True)
class Pictures:
    """Pictures to call, which are sent in the parts `images`."""
