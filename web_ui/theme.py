"""Light or dark: the choice of this phone. A room with a microscope is dim."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app, redirect, request
from werkzeug.wrappers import Response

from web_ui.guard import safe_path

blueprint = Blueprint("theme", __name__, url_prefix="/theme")

COOKIE = "clinicscope_theme"
LIGHT, DARK, AS_PHONE = "light", "dark", "phone"
THEMES = (LIGHT, DARK, AS_PHONE)
_A_YEAR_S = 365 * 24 * 3600


def chosen_theme() -> str:
    """What was chosen on this phone; AS_PHONE where nothing was."""
    found = request.cookies.get(COOKIE, "")
    return found if found in THEMES else AS_PHONE


def wear(app: Flask) -> None:
    """Gives an app's templates `theme`."""
    app.context_processor(lambda: {"theme": chosen_theme()})


@blueprint.post("")
def choose() -> Response:
    """Keeps the choice and goes back to the page."""
    response = redirect(safe_path(request.form.get("next", "")), 303)
    theme = request.form.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            COOKIE,
            theme,
            max_age=_A_YEAR_S,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
    return response
