"""Single pictures: a cell or a chest X-ray, called at once and kept in no record."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import (
    BundleError,
    ClinicScopeError,
    HardwareError,
    NotFoundError,
    StorageFullError,
)
from edge.contract.images import encode_image
from edge.contract.labels import (
    CXR_COVID,
    CXR_PNEUMONIA,
    MALARIA_CELLS,
    MALARIA_STAGES,
    NORMAL,
    UNINFECTED,
)
from edge.screening.batches import Batch
from edge.screening.crops import COLUMNS, CropResult
from edge.xray.heat import heat_layer
from web_ui.context import context
from web_ui.forms import MAX_FILES
from web_ui.language import gettext as _
from web_ui.person import user
from web_ui.uploads import save_batch

blueprint = Blueprint("images", __name__, url_prefix="/image")

TASKS = (MALARIA_CELLS, MALARIA_STAGES, CXR_PNEUMONIA, CXR_COVID)
ROWS_AT_MOST = 200
_HEALTHY = (UNINFECTED, NORMAL)
_ICONS = {
    "plain": "pulse",
    "fault": "blocked",
    "unsure": "question",
    "negative": "check",
    "positive": "alert",
}


@dataclass(frozen=True)
class Row:
    """A picture of a batch: its number, its file and what was said of it; None while it waits."""

    number: int
    name: str
    result: CropResult | None
    doubtful: bool = False

    @property
    def tone(self) -> str:
        """Its colour; the words beside it say the same."""
        if self.result is None:
            return "plain"
        return "unsure" if self.doubtful else _tone(self.result)

    @property
    def icon(self) -> str:
        """Its icon."""
        return _ICONS[self.tone]


@blueprint.get("")
def show() -> Response:
    """The form."""
    return _form()


@blueprint.post("")
def send() -> AnyResponse:
    """Takes pictures; one goes to its own page, several to their list."""
    files = [file for file in request.files.getlist("images") if file.filename]
    task = request.form.get("task", "")
    if task not in TASKS:
        return _form(code=422, problem=_("Choose what the pictures show."))
    if not files:
        return _form(task, 422, _("Choose at least one picture."))
    try:
        batch_id = _start(task, files)
    except ClinicScopeError as error:
        code = 507 if isinstance(error, StorageFullError) else 409
        return _form(task, code, f"{error}.")
    if len(files) == 1:
        return redirect(url_for(".one", batch_id=batch_id, number=0), 303)
    return redirect(url_for(".batch", batch_id=batch_id), 303)


def _start(task: str, files: list[FileStorage]) -> str:
    batches = context().pictures.batches
    paths = save_batch(files, batches.folder)
    try:
        return batches.start(_owner(), task, paths)
    except ClinicScopeError:
        shutil.rmtree(paths[0].parent, ignore_errors=True)
        raise


def _owner() -> str:
    found = user()
    return "" if found is None else str(found.user_id)


def _form(task: str = MALARIA_CELLS, code: int = 200, problem: str = "") -> Response:
    page = render_template(
        "image_new.html", tasks=TASKS, chosen=task, most=MAX_FILES, problem=problem
    )
    return make_response(page, code)


@blueprint.get("/<batch_id>")
def batch(batch_id: str) -> str:
    """The list of a batch, as far as it is read."""
    return _list(batch_id, "image_batch.html")


@blueprint.get("/<batch_id>/rows")
def rows(batch_id: str) -> str:
    """The part of that page that changes."""
    return _list(batch_id, "_image_batch.html")


def _list(batch_id: str, template: str) -> str:
    found = _batch(batch_id)
    shown = [
        _row(found, number, path.name) for number, path in enumerate(found.paths[:ROWS_AT_MOST])
    ]
    return render_template(template, batch=found, rows=shown, counts=_counts(found))


def _row(found: Batch, number: int, name: str) -> Row:
    if number >= len(found.results):
        return Row(number, name, None)
    result = found.results[number]
    return Row(number, name, result, found.is_doubtful(result))


def _counts(found: Batch) -> list[tuple[str, int]]:
    """How many of each call, and how many were refused; the refused ones last."""
    calls = [result.call for result in found.results]
    named = sorted({call for call in calls if call})
    return [(name, calls.count(name)) for name in named] + [("", calls.count(""))]


@blueprint.get("/<batch_id>/results.csv")
def table(batch_id: str) -> Response:
    """The batch as `clinicscope classify --csv` writes it."""
    found = _batch(batch_id)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(result.row() for result in found.results)
    response = Response(out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="clinicscope-pictures.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<batch_id>/<int:number>")
def one(batch_id: str, number: int) -> Response:
    """One picture: class, probability in words, and the map over it."""
    found = _batch(batch_id)
    try:
        view = context().pictures.batches.view(found, number)
    except (BundleError, HardwareError) as error:
        return _form(found.task, 409, f"{error}.")
    found = _batch(batch_id)  # by now it names its bundle
    tone = _tone(view.result, view.doubt)
    page = render_template(
        "image_one.html", batch=found, number=number, view=view, tone=tone, symbol=_ICONS[tone]
    )
    return make_response(page)


def _tone(result: CropResult, doubt: str = "") -> str:
    if result.refused:
        return "fault"
    if doubt:
        return "unsure"
    return "negative" if result.call in _HEALTHY else "positive"


@blueprint.get("/<batch_id>/<int:number>/picture.png")
def picture(batch_id: str, number: int) -> Response:
    """The picture as the page shows it."""
    found = _batch(batch_id)
    view = context().pictures.batches.view(found, number)
    if view.image is None:
        raise NotFoundError(f"picture {number} cannot be read")
    return _png(encode_image(view.image))


@blueprint.get("/<batch_id>/<int:number>/heat.png")
def heat(batch_id: str, number: int) -> Response:
    """The colour that lies over it."""
    found = _batch(batch_id)
    view = context().pictures.batches.view(found, number)
    if view.image is None or view.cam is None:
        raise NotFoundError(f"picture {number} has no map")
    height, width = view.image.shape[:2]
    return _png(encode_image(heat_layer(view.cam, width, height, view.full_logits)))


def _png(data: bytes) -> Response:
    response = Response(data, mimetype="image/png")
    response.headers["Cache-Control"] = "private, max-age=600"
    return response


def _batch(batch_id: str) -> Batch:
    return context().pictures.batches.get(batch_id, _owner())
