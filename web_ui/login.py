"""Logging in and out, and the screen that locks while nobody taps.

What a wrong name and a wrong password are answered is the same, so that nobody learns who is here.
"""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.store.records import DEVICE
from edge.store.users import User, Users
from web_ui.context import context
from web_ui.guard import FIRST_RUN_PATH, safe_path
from web_ui.language import gettext as _
from web_ui.person import end_session, let_in, user, visitor
from web_ui.seen import write_line

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response:
    """The form; on to the page that was asked for where someone is logged in."""
    if user() is not None:
        return redirect(_next(), 303)
    if not Users(context().store).exist():
        return redirect(FIRST_RUN_PATH, 303)
    return _form(request.args.get("name", ""))


@blueprint.post("/login")
def enter() -> Response:
    """Lets a person in."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    found = Users(context().store).check_password(name, password)
    if found is None:
        # Without the name: some type their password there.
        write_line(DEVICE, "login.refused", "login", address=request.remote_addr or "")
        return _form(name, _("Name and password do not belong together."), 422)
    let_in(found)
    write_line(found.name, "user.logged_in", f"user:{found.user_id}")
    return redirect(_next(), 303)


@blueprint.post("/logout")
def out() -> Response:
    """Ends the session, here and wherever its cookie was copied to."""
    found = visitor()
    if found is not None:
        write_line(found.user.name, "user.logged_out", f"user:{found.user.user_id}")
    end_session()
    return redirect(url_for(".show"), 303)


@blueprint.get("/awake")
def awake() -> Response:
    """Someone taps on a page that asks for nothing yet; that she did keeps the screen open."""
    return Response(status=204)


@blueprint.get("/lock")
def lock() -> Response:
    """Locks the screen; the same person's password goes on where she was."""
    found = visitor()
    if found is None:
        return redirect(url_for(".show", next=_next()), 303)
    context().sessions.lock(found.session_name)
    found.locked = True
    return _lock_screen(found.user)


@blueprint.post("/lock")
def unlock() -> Response:
    """Goes on where the password is right."""
    found = visitor()
    if found is None:
        return redirect(url_for(".show", next=_next()), 303)
    password = request.form.get("password", "")
    if Users(context().store).check_password(found.user.name, password) is None:
        subject, address = f"user:{found.user.user_id}", request.remote_addr or ""
        write_line(DEVICE, "unlock.refused", subject, address=address)
        return _lock_screen(found.user, _("This is not the password."), 422)
    context().sessions.unlock(found.session_name)
    return redirect(_next(), 303)


def _form(name: str, problem: str = "", code: int = 200) -> Response:
    page = render_template("login.html", name=name, next=_next(), problem=problem)
    return make_response(page, code)


def _lock_screen(who: User, problem: str = "", code: int = 200) -> Response:
    page = render_template("lock.html", who=who, next=_next(), problem=problem)
    return make_response(page, code)


def _next() -> str:
    return safe_path(request.values.get("next", "/"))
