"""Chest X-rays of a patient: send them, see what the network says, let a person read them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import (
    ClinicScopeError,
    ConflictError,
    DataError,
    NotFoundError,
    StorageFullError,
)
from edge.contract.images import encode_image
from edge.contract.labels import COVID, CXR_COVID, CXR_PNEUMONIA, READER_LABELS, XRAY_TASKS
from edge.signing import SpecimenReview, read_review
from edge.store.records import AGE_BANDS, CHEST_XRAY, SEXES, FieldRecord, Review, SuspectCellRecord
from edge.store.review import Reviews
from edge.xray.heat import heat_layer, shown_at
from edge.xray.service import MOST_BYTES, MOST_PICTURES, XrayRequest
from web_ui.context import context
from web_ui.forms import MAX_LABEL_CHARACTERS, clean_label
from web_ui.language import gettext as _
from web_ui.person import person
from web_ui.presenter import SpecimenView
from web_ui.register_form import DEFAULTS, RegisterForm, read_register
from web_ui.registering import register_patient
from web_ui.uploads import named_contents

blueprint = Blueprint("xrays", __name__)

SHOWN_PX = 900
# A page waits so long for its pictures; longer ones are looked at again.
WAIT_S = 30
_CACHE_CONTROL = "private, max-age=3600"
_QUALITY = 88


@dataclass(frozen=True)
class XrayForm:
    """What the form gave.

    Attributes:
        values: the text of each input, to be shown again.
        errors: a message for each input that is wrong.
    """

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """One X-ray of the result page.

    Attributes:
        facts: as the report keeps them; empty in a record that broke off.
        cell: what the review is about; None of a refused picture.
        review: the newest; None while nobody has read it.
    """

    record: FieldRecord
    facts: Mapping[str, Any]
    cell: SuspectCellRecord | None
    review: Review | None

    @property
    def certainty(self) -> float | None:
        """Of the label called, 0 to 1."""
        share: float | None = self.facts.get("probabilities", {}).get(self.facts.get("label"))
        return share


@blueprint.get("/xrays/new")
def new() -> Response:
    """The form."""
    return _form(XrayForm({"label": "", "task": CXR_PNEUMONIA, **DEFAULTS}))


@blueprint.post("/xrays/new")
def create() -> AnyResponse:
    """Reads the pictures and goes to their page; the form again where that cannot be."""
    files = [file for file in request.files.getlist("images") if file.filename]
    form, register = _read_form(len(files))
    if not form.errors and not register.errors:
        register = register_patient(context().store, register)
    if form.errors or register.errors:
        return _form(XrayForm(form.values, form.errors | register.errors), 422)
    try:
        pictures = context().pictures.xrays
        asked = XrayRequest(
            form.values["label"],
            form.values["task"],
            named_contents(files, MOST_BYTES),
            register.details,
        )
        specimen_id, done = pictures.start(asked)
    except ClinicScopeError as error:
        return _form(form, _code(error), f"{error}.")
    _wait(done)
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)


def _wait(done: Future[None]) -> None:
    """Most pictures are read before a person looks; the page of a running one asks again."""
    try:
        done.exception(WAIT_S)
    except TimeoutError:
        return


def _code(error: ClinicScopeError) -> int:
    if isinstance(error, StorageFullError):
        return 507
    return 422 if isinstance(error, DataError) else 409


def _read_form(count: int) -> tuple[XrayForm, RegisterForm]:
    register = read_register(request.form, person())
    label = clean_label(request.form.get("label", "") or request.form.get("barcode", ""))
    task = request.form.get("task", CXR_PNEUMONIA)
    errors: dict[str, str] = {}
    if not label:
        errors["label"] = _("Write how the X-ray is marked, such as X-0142, or give its barcode.")
    elif len(label) > MAX_LABEL_CHARACTERS:
        errors["label"] = _("Use at most %(count)s characters.", count=MAX_LABEL_CHARACTERS)
    if task not in XRAY_TASKS:
        errors["task"], task = _("Choose one of the list."), CXR_PNEUMONIA
    if not 1 <= count <= MOST_PICTURES:
        errors["images"] = _(
            "Choose 1 to %(count)s pictures of one person's chest.", count=MOST_PICTURES
        )
    return XrayForm(register.values | {"label": label, "task": task}, errors), register


def _form(form: XrayForm, code: int = 200, problem: str = "") -> Response:
    page = render_template(
        "xray_new.html",
        form=form,
        tasks=XRAY_TASKS,
        age_bands=AGE_BANDS,
        sexes=SEXES,
        most=MOST_PICTURES,
        problem=problem,
    )
    return make_response(page, code)


def result_page(view: SpecimenView) -> str:
    """The page of an X-ray specimen, running or not."""
    specimen_id = view.record.specimen_id
    found = read_review(context().store, specimen_id, context().service.protocol)
    return render_template(
        "xray_result.html",
        view=view,
        found=found,
        pictures=_pictures(found, view.report),
        answers=_answers(view),
    )


def _answers(view: SpecimenView) -> list[str]:
    """What a person may say: what the network knows, something else, or that it is no picture."""
    three = view.record.source_settings.get("task") == CXR_COVID
    return [label for label in READER_LABELS if three or label != COVID]


def _pictures(found: SpecimenReview, report: Mapping[str, Any]) -> list[Picture]:
    facts = {one["index"]: one for one in report.get("radiographs", ())}
    cells = {cell.field_index: cell for cell in found.cells}
    return [
        Picture(
            record,
            facts.get(record.index, {}),
            cells.get(record.index),
            _review_of(found, cells.get(record.index)),
        )
        for record in context().store.fields(found.specimen.specimen_id)
    ]


def _review_of(found: SpecimenReview, cell: SuspectCellRecord | None) -> Review | None:
    return None if cell is None else found.reviews.get(cell.cell_id)


@blueprint.post("/specimens/<specimen_id>/xrays/<int:cell_id>")
def judge(specimen_id: str, cell_id: int) -> AnyResponse:
    """Stores what a person reads in a picture."""
    store = context().store
    if store.suspect_cell(cell_id).specimen_id != specimen_id:
        raise NotFoundError(f"specimen {specimen_id!r} has no picture {cell_id}")
    specimen = store.specimen(specimen_id)
    if specimen.task != CHEST_XRAY:
        raise NotFoundError(f"specimen {specimen_id!r} is no chest X-ray")
    try:
        Reviews(store).review_cell(
            cell_id,
            request.form.get("label", ""),
            person(),
            seen_version=request.form.get("version", default=0, type=int),
        )
    except DataError as error:
        raise ConflictError(str(error)) from error
    return redirect(
        url_for("specimens.show", specimen_id=specimen_id, _anchor=f"picture-{cell_id}"), 303
    )


@blueprint.get("/specimens/<specimen_id>/xrays/<int:index>/heat.png")
def heat(specimen_id: str, index: int) -> Response:
    """The colour that lies over a picture, of the size that the page shows it in."""
    store = context().store
    record = store.field(specimen_id, index)
    cells = [cell for cell in store.suspect_cells(specimen_id) if cell.field_index == index]
    if not cells or cells[0].cam is None:
        raise NotFoundError(f"picture {index} of specimen {specimen_id!r} has no map")
    image = shown_at(context().images.read(record), SHOWN_PX)
    layer = heat_layer(cells[0].cam, image.shape[1], image.shape[0])
    return _image(encode_image(layer, ".png"), "image/png")


@blueprint.get("/specimens/<specimen_id>/xrays/<int:index>/picture.jpg")
def picture(specimen_id: str, index: int) -> Response:
    """A picture as the page shows it."""
    image = shown_at(context().images.read(context().store.field(specimen_id, index)), SHOWN_PX)
    return _image(encode_image(image, ".jpg", quality=_QUALITY), "image/jpeg")


def _image(data: bytes, kind: str) -> Response:
    response = Response(data, mimetype=kind)
    response.headers["Cache-Control"] = _CACHE_CONTROL
    return response
