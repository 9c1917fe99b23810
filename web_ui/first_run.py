"""The first run: language, place and clock, the first admin, what the device is, a practice slide.

Until there is an admin, whoever is at the device or gives its set-up code may go through it; after
that an admin may.
"""

from __future__ import annotations

import logging

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import ClinicScopeError
from edge.screening.state import SpecimenRequest
from edge.setup_code import FILE, forget_setup_code
from edge.store.records import SpecimenDetails
from edge.store.users import Users
from web_ui.camera import view_camera
from web_ui.clock_form import ClockForm, set_by_form
from web_ui.context import context
from web_ui.device import device
from web_ui.forms import clean_label
from web_ui.language import current_language
from web_ui.language import gettext as _
from web_ui.person import let_in, person
from web_ui.settings.clinic import take_up_page
from web_ui.settings.common import check_repeated, save
from web_ui.setup_code import take_code
from web_ui.starting import start

log = logging.getLogger(__name__)

blueprint = Blueprint("first_run", __name__, url_prefix="/first-run")

STEPS = ("show", "place", "account", "checks")
# A slide with enough parasites to be found, the same on every device.
PRACTICE = {"seed": 7, "parasitaemia_fraction": 0.06}


@blueprint.get("")
def show() -> Response:
    """The language: each in its own words."""
    if _has_admin():
        return redirect(url_for(".checks"), 303)
    return _page("show")


@blueprint.get("/code")
def code() -> Response:
    """Asks whoever is not at the device for its code."""
    return redirect(url_for(".show"), 303) if _has_admin() else _code_page()


@blueprint.post("/code")
def enter_code() -> Response:
    """Lets her go on where it is right."""
    if _has_admin():
        return redirect(url_for(".show"), 303)
    if not take_code(request.form.get("code", "")):
        log.warning("a wrong set-up code was given from %s", request.remote_addr)
        return _code_page(_("This is not the code of this device."), 422)
    return redirect(url_for(".show"), 303)


def _code_page(problem: str = "", status: int = 200) -> Response:
    page = render_template("first_run/code.html", problem=problem, file=FILE)
    return make_response(page, status)


@blueprint.get("/place")
def place() -> Response:
    """The place's name, and the clock."""
    return _page("place", clock=ClockForm.now(), clinic=device().live.current.page.clinic)


@blueprint.post("/place")
def save_place() -> Response:
    """Takes both. A clock that cannot be set keeps nobody from going on."""
    clinic = clean_label(request.form.get("clinic", ""))
    changes = {"page.clinic": clinic, "page.language": current_language()}
    try:
        save(changes, changes, take_up_page)
        if "go_on" not in request.form:
            set_by_form()
    except ClinicScopeError as error:
        return _page("place", str(error), clock=ClockForm.now(), clinic=clinic)
    return redirect(url_for(".checks" if _has_admin() else ".account"), 303)


@blueprint.get("/account")
def account() -> Response:
    """The first admin's name and password."""
    if _has_admin():
        return redirect(url_for(".checks"), 303)
    return _page("account", name="")


@blueprint.post("/account")
def make_account() -> Response:
    """Makes the first admin, who is then logged in."""
    if _has_admin():
        return redirect(url_for(".checks"), 303)
    name, password = (request.form.get(key, "") for key in ("name", "password"))
    users = Users(context().store)
    try:
        check_repeated(password, request.form.get("password_again", ""))
        made = users.add_first(name, password, current_language())
    except ClinicScopeError as error:
        return _page("account", str(error), name=name)
    forget_setup_code(context().store.home)
    let_in(made)
    return redirect(url_for(".checks"), 303)


@blueprint.get("/checks")
def checks() -> Response:
    """Whether the network passes its test here, and what the camera sees."""
    return _checks()


@blueprint.post("/practise")
def practise() -> Response:
    """Starts a drawn slide, to see once how it goes."""
    site = device().live.current.page.clinic
    details = SpecimenDetails(operator=person(), site=site)
    wanted = SpecimenRequest(_("Practice"), "simulated", dict(PRACTICE), details)
    try:
        specimen_id = start(context(), wanted)
    except ClinicScopeError as error:
        return _checks(str(error))
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)


def _checks(problem: str = "") -> Response:
    service = context().service
    return _page("checks", problem, state=service.state(), camera=view_camera(service.camera))


def _has_admin() -> bool:
    return Users(context().store).exist()


def _page(step: str, problem: str = "", **values: object) -> Response:
    text = render_template(
        f"first_run/{step}.html",
        problem=problem,
        number=STEPS.index(step) + 1,
        count=len(STEPS),
        **values,
    )
    return make_response(text, 422 if problem else 200)
