"""The evidence under a result: fields and suspect cells, as pages and as pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import NotFoundError
from edge.contract.labels import is_infected
from edge.store.records import CHEST_XRAY, FieldRecord, SuspectCellRecord
from web_ui.context import context
from web_ui.gallery import field_gallery
from web_ui.pictures import (
    MAX_WIDTH_PX,
    MIN_WIDTH_PX,
    cell_jpeg,
    context_jpeg,
    field_jpeg,
    heat_jpeg,
    object_jpeg,
    sharper_jpeg,
)
from web_ui.viewing import view_specimen

blueprint = Blueprint("evidence", __name__, url_prefix="/specimens/<specimen_id>")

CELLS_AT_MOST = 5000
# Of a field on its page; a screen takes the least that fills it, and a tap opens the field itself.
FIELD_WIDTHS_PX = (480, 720, 960)
# What a stored field shows never changes; how it is drawn may, with an update.
_CACHE_CONTROL = "private, max-age=3600"


@blueprint.get("/fields/<int:index>")
def show_field(specimen_id: str, index: int) -> str | AnyResponse:
    """One field, large, with its quality, timings and cells."""
    store = context().store
    if store.specimen(specimen_id).task == CHEST_XRAY:  # shown whole on its own page
        return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)
    field = store.field(specimen_id, index)
    cells = store.suspect_cells(specimen_id, CELLS_AT_MOST)
    return render_template(
        "field.html",
        view=view_specimen(context().service, specimen_id),
        field=field,
        gallery=field_gallery(field, cells),
        cells=sorted(field.cells, key=_suspicion, reverse=True),
        neighbours=_neighbours(specimen_id, index),
        widths_px=FIELD_WIDTHS_PX,
    )


def _suspicion(cell: dict[str, Any]) -> tuple[bool, bool, float]:
    score = cell["score"] if cell["score"] is not None else -1.0
    return is_infected(cell["label"]), cell["disagrees"], score


def _neighbours(specimen_id: str, index: int) -> tuple[int | None, int | None]:
    """The indices before and after, None where there is none."""

    def existing(other: int) -> int | None:
        try:
            return context().store.field(specimen_id, other).index
        except NotFoundError:
            return None

    return existing(index - 1), existing(index + 1)


@blueprint.get("/fields/<int:index>/image.jpg")
def field_image(specimen_id: str, index: int) -> Response:
    """A field as JPEG; `annotated=1` draws its cells, `width_px` scales it down."""
    field = context().store.field(specimen_id, index)
    annotated = request.args.get("annotated") == "1"
    width_px = request.args.get("width_px", type=int)
    if width_px is not None:
        width_px = min(max(width_px, MIN_WIDTH_PX), MAX_WIDTH_PX)

    def make() -> bytes:
        image = context().images.read(field)
        return field_jpeg(image, field, annotated=annotated, width_px=width_px)

    return _picture(f"{_stamp(field)}-{int(annotated)}-{width_px}", make)


@blueprint.get("/cells/<int:cell_id>.jpg")
def cell_image(specimen_id: str, cell_id: int) -> Response:
    """A suspect cell as JPEG."""
    cell, field = _cell(specimen_id, cell_id)
    return _picture(
        f"{_stamp(field)}-c{cell_id}", lambda: cell_jpeg(context().images.read(field), cell)
    )


@blueprint.get("/cells/<int:cell_id>/field.jpg")
def context_image(specimen_id: str, cell_id: int) -> Response:
    """A suspect cell among its neighbours."""
    cell, field = _cell(specimen_id, cell_id)
    return _picture(
        f"{_stamp(field)}-n{cell_id}", lambda: context_jpeg(context().images.read(field), cell)
    )


@blueprint.get("/cells/<int:cell_id>/heat.jpg")
def heat_image(specimen_id: str, cell_id: int) -> Response:
    """A suspect cell with what spoke for infection laid over."""
    cell, field = _cell(specimen_id, cell_id)
    return _picture(
        f"{_stamp(field)}-h{cell_id}", lambda: heat_jpeg(context().images.read(field), cell)
    )


@blueprint.get("/cells/<int:cell_id>/enhanced.jpg")
def enhanced_image(specimen_id: str, cell_id: int) -> Response:
    """A suspect cell made sharper, to look at; there is none on a device without enhancer."""
    sharper = context().sharper
    enhancer = sharper.current
    if enhancer is None:
        raise NotFoundError("this device has no enhancer")
    cell, field = _cell(specimen_id, cell_id)

    def make() -> bytes:
        image = context().images.read(field)
        return sharper.make(lambda used: sharper_jpeg(image, cell, used))

    return _picture(f"{_stamp(field)}-e{cell_id}-{enhancer.bundle.sha256[:12]}", make)


@blueprint.get("/fields/<int:index>/objects/<int:number>.jpg")
def object_image(specimen_id: str, index: int, number: int) -> Response:
    """An object of a field, by its place in the field's list, as JPEG."""
    field = context().store.field(specimen_id, index)
    if number >= len(field.cells):
        raise NotFoundError(f"field {index} has no object {number}")
    return _picture(
        f"{_stamp(field)}-o{number}",
        lambda: object_jpeg(context().images.read(field), field.cells[number]),
    )


def _cell(specimen_id: str, cell_id: int) -> tuple[SuspectCellRecord, FieldRecord]:
    store = context().store
    cell = store.suspect_cell(cell_id)
    if cell.specimen_id != specimen_id:
        raise NotFoundError(f"specimen {specimen_id!r} has no suspect cell {cell_id}")
    return cell, store.field(specimen_id, cell.field_index)


def _stamp(field: FieldRecord) -> str:
    return (field.image_sha256 or "none")[:20]


def _picture(etag: str, make: Callable[[], bytes]) -> Response:
    """A JPEG; nothing is drawn where the browser has it already."""
    known = request.if_none_match.contains(etag)
    response = Response(b"" if known else make(), 304 if known else 200, mimetype="image/jpeg")
    response.set_etag(etag)
    response.headers["Cache-Control"] = _CACHE_CONTROL
    return response
