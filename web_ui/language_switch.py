"""The switch between languages at the foot of every page."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request
from werkzeug.wrappers import Response

from edge.language import LANGUAGES
from edge.store.users import Users
from web_ui.context import context
from web_ui.guard import safe_path
from web_ui.language import COOKIE
from web_ui.person import user

blueprint = Blueprint("language", __name__, url_prefix="/language")

_A_YEAR_S = 365 * 24 * 3600


@blueprint.post("")
def choose() -> Response:
    """Keeps the choice on this phone and for who is logged in, and goes back to the page."""
    response = redirect(safe_path(request.form.get("next", "")), 303)
    code = request.form.get("language", "")
    if code in LANGUAGES:
        _keep_for_person(code)
        response.set_cookie(
            COOKIE,
            code,
            max_age=_A_YEAR_S,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
    return response


def _keep_for_person(code: str) -> None:
    who = user()
    if who is not None:
        Users(context().store).set_language(who.user_id, code)
