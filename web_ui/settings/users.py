"""The people who use the device: their roles and passwords. And, for everyone, her own password."""

from __future__ import annotations

from flask import abort, request
from werkzeug.wrappers import Response

from edge.contract.errors import ClinicScopeError, DataError, NotFoundError
from edge.store.users import ROLES, User, Users
from web_ui.context import context
from web_ui.language import gettext as _
from web_ui.person import let_in, person, user
from web_ui.settings.common import back, check_repeated, page


def show() -> Response:
    """Everyone, and the form for another one."""
    return _page()


def add() -> Response:
    """Adds a person with a first password."""
    form = request.form
    try:
        _check_repeated()
        _users().add(form.get("name", ""), form.get("role", ""), _password(), person())
    except ClinicScopeError as error:
        return _page(error, given=form)
    return back("users")


def change_role(user_id: int) -> Response:
    """Gives another role."""
    try:
        _users().change_role(user_id, request.form.get("role", ""), person())
    except NotFoundError:
        abort(404)
    except ClinicScopeError as error:
        return _page(error)
    return back("users")


def set_password(user_id: int) -> Response:
    """Gives a new password, to someone who forgot hers."""
    try:
        _check_repeated()
        _keep_in(_users().set_password(user_id, _password(), person()))
    except NotFoundError:
        abort(404)
    except ClinicScopeError as error:
        return _page(error)
    return back("users")


def change_access(user_id: int) -> Response:
    """Takes or gives back the right to log in."""
    try:
        _users().disable(user_id, person(), disabled="disable" in request.form)
    except NotFoundError:
        abort(404)
    except ClinicScopeError as error:
        return _page(error)
    return back("users")


def show_own() -> Response:
    """The form for one's own password."""
    return page("own_password.html")


def set_own() -> Response:
    """Changes one's own password; the old one is asked for, for a phone may lie about."""
    who = user()
    if who is None:
        abort(403)
    try:
        if _users().check_password(who.name, request.form.get("old_password", "")) is None:
            raise DataError(_("The old password is not right."))
        _check_repeated()
        _keep_in(_users().set_password(who.user_id, _password(), who.name))
    except ClinicScopeError as error:
        return page("own_password.html", error)
    return back("own_password")


def _keep_in(changed: User) -> None:
    """All sessions of a changed password are over; this one goes on where it is her own."""
    who = user()
    if who is not None and who.user_id == changed.user_id:
        let_in(changed)


def _check_repeated() -> None:
    check_repeated(_password(), request.form.get("password_again", ""))


def _password() -> str:
    return request.form.get("password", "")


def _users() -> Users:
    return Users(context().store)


def _page(error: ClinicScopeError | None = None, **values: object) -> Response:
    return page("users.html", error, users=_users().all(), roles=ROLES, given=values.get("given"))
