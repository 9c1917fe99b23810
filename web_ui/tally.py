"""A person's own count at the microscope, beside the machine's."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.protocol import PersonCount, count_of_person, counts_of_persons, load_thick_protocol
from edge.signing import read_review
from edge.store.records import SMEARS, THICK, THIN, Slide
from edge.store.register import Register
from edge.store.review import MAX_COUNT, Tallies
from web_ui.context import context
from web_ui.language import said
from web_ui.person import person
from web_ui.viewing import view_specimen

blueprint = Blueprint("tally", __name__, url_prefix="/specimens/<specimen_id>/tally")

COUNTS = ("parasites", "gametocytes", "wbc_counted", "rbc_counted")


@blueprint.get("")
def show(specimen_id: str) -> str:
    """The counter."""
    return _page(specimen_id, _asked_smear(specimen_id), {})


@blueprint.get("/density")
def density(specimen_id: str) -> str:
    """What the counts so far mean; the part of the page that changes."""
    context().store.specimen(specimen_id)
    if _is_empty(request.args):
        return render_template("_density.html")
    try:
        return render_template("_density.html", count=_count(request.args))
    except DataError as error:
        return render_template("_density.html", problem=said(f"{error}."))


def _is_empty(form: Mapping[str, str]) -> bool:
    return all(form.get(name, "").strip() in ("", "0") for name in COUNTS)


@blueprint.post("")
def add(specimen_id: str) -> Response:
    """Stores a reading."""
    try:
        _add(specimen_id, person())
    except (ConflictError, DataError) as error:
        given = request.form.get("smear", THICK)
        shown = given if given in SMEARS else THICK
        page = _page(specimen_id, shown, request.form, said(f"{error}."))
        return make_response(page, 409 if isinstance(error, ConflictError) else 422)
    smear = request.form.get("smear")
    return redirect(url_for(".show", specimen_id=specimen_id, smear=smear, stored=1), 303)


def _add(specimen_id: str, name: str) -> None:
    counts, measured = _numbers(request.form)
    _count(request.form)
    slide = _slide(specimen_id, request.form.get("smear", ""), name)
    Tallies(context().store).add(
        slide.slide_id,
        name,
        parasites=counts["parasites"],
        gametocytes=counts["gametocytes"],
        wbc_counted=counts["wbc_counted"],
        rbc_counted=counts["rbc_counted"],
        wbc_per_ul=measured,
    )


def _slide(specimen_id: str, smear: str, name: str) -> Slide:
    """The glass that was counted; a thick one is added when it is counted first."""
    register = Register(context().store)
    for slide in register.slides_of(specimen_id):
        if slide.smear == smear:
            return slide
    return register.add_slide(specimen_id, smear, "", name)


def _count(form: Mapping[str, str]) -> PersonCount:
    """Raises DataError where the numbers are no count."""
    counts, measured = _numbers(form)
    protocol = context().service.protocol
    thick = load_thick_protocol(protocol.thick, context().store.home)
    return count_of_person(
        protocol,
        thick,
        parasites=counts["parasites"],
        gametocytes=counts["gametocytes"],
        wbc_counted=counts["wbc_counted"],
        rbc_counted=counts["rbc_counted"],
        wbc_per_ul=measured,
    )


def _numbers(form: Mapping[str, str]) -> tuple[dict[str, int], int | None]:
    """The counts, of which those of the other smear are 0, and the patient's white cells."""
    smear = form.get("smear", "")
    if smear not in SMEARS:
        raise DataError(f"smear is {smear[:40]!r}; use one of {', '.join(SMEARS)}")
    unused = "rbc_counted" if smear == THICK else "wbc_counted"
    counts = {name: _number(form, name) or 0 for name in COUNTS if name != unused}
    return counts | {unused: 0}, _number(form, "wbc_per_ul") if smear == THICK else None


def _number(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_COUNT))):
        raise DataError(f"{name} is {text[:40]!r}; give a whole number from 0 to {MAX_COUNT:,}")
    return int(text)


def _asked_smear(specimen_id: str) -> str:
    asked = request.args.get("smear", "")
    if asked in SMEARS:
        return asked
    slides = Register(context().store).slides_of(specimen_id)
    return THICK if any(slide.smear == THICK for slide in slides) else THIN


def _page(specimen_id: str, smear: str, values: Mapping[str, str], problem: str = "") -> str:
    here = context()
    found = read_review(here.store, specimen_id, here.service.protocol)
    if not found.slides:
        raise NotFoundError(f"specimen {specimen_id!r} has no slide to count")
    try:
        count = _count(values) if values else None
    except DataError:
        count = None
    thick = load_thick_protocol(here.service.protocol.thick, here.store.home)
    return render_template(
        "tally.html",
        found=found,
        view=view_specimen(here.service, specimen_id),
        smear=smear,
        values=values,
        thick=thick,
        counts=counts_of_persons(found.tallies, here.service.protocol, thick),
        count=count,
        problem=problem,
        stored="stored" in request.args,
    )
