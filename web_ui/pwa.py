"""What makes the page an app on a phone: manifest, icons, and a page for when it is away."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    render_template,
    request,
    url_for,
)

from edge.language import language_of
from web_ui.app_icon import icon_png
from web_ui.language import current_language, gettext

blueprint = Blueprint("pwa", __name__)

ICON_SIZES_PX = (192, 512)
PURPOSES = ("any", "maskable")
_A_DAY_S = 24 * 3600


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    """Name, icons and start of the installed page."""
    language = language_of(current_language())
    response = jsonify(
        id="/",
        name="ClinicScope",
        short_name="ClinicScope",
        description=gettext("Screens blood smears without internet."),
        lang=language.code,
        dir=language.direction,
        start_url="/",
        scope="/",
        display="standalone",
        background_color="#f2f6f6",
        theme_color="#0b6e69",
        icons=[
            _icon(size_px, purpose) for size_px in ICON_SIZES_PX for purpose in ("any", "maskable")
        ],
        shortcuts=[{"name": gettext("New specimen"), "url": url_for("specimens.new")}],
    )
    response.mimetype = "application/manifest+json"
    return response


def _icon(size_px: int, purpose: str) -> dict[str, str]:
    return {
        "src": url_for("pwa.icon", size_px=size_px),
        "sizes": f"{size_px}x{size_px}",
        "type": "image/png",
        "purpose": purpose,
    }


@blueprint.get("/icon-<int:size_px>.png")
def icon(size_px: int) -> Response:
    """The icon in one of its sizes."""
    if size_px not in ICON_SIZES_PX:
        abort(404)
    response = Response(icon_png(size_px), mimetype="image/png")
    response.cache_control.public, response.cache_control.max_age = True, _A_DAY_S
    return response


@blueprint.get("/sw.js")
def worker() -> Response:
    """The service worker; from the root, or it would not see the pages."""
    response = current_app.send_static_file("sw.js")
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/offline")
def offline() -> str:
    """What the service worker shows while the device does not answer; `unsent` after a form."""
    return render_template("offline.html", unsent="unsent" in request.args)
