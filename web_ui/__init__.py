"""The local page: a Flask application that shows what the screening service does.

Views translate HTTP to the service and back; nothing here looks at a cell or decides anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from flask_wtf import CSRFProtect

from web_ui import (
    about,
    camera,
    errors,
    evidence,
    records,
    reports,
    review,
    signing,
    specimens,
    tally,
    today,
)
from web_ui.context import Context, attach
from web_ui.dress import dress
from web_ui.forms import MAX_FILES
from web_ui.headers import protect_responses
from web_ui.pictures import FieldImages
from web_ui.secret_key import load_or_create_secret_key

if TYPE_CHECKING:
    from edge.enhancement.enhancer import Enhancer
    from edge.screening.service import ScreeningService

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
UPLOADS_FOLDER = "uploads"


def create_app(
    service: ScreeningService,
    *,
    enhancer: Enhancer | None = None,
    upload_dir: Path | None = None,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    secret_key: bytes | None = None,
) -> Flask:
    """The page of one device.

    Args:
        service: does the work; its store's home is where the page keeps its key.
        enhancer: makes sharper views of suspect cells; without it the page offers none.
        upload_dir: where uploaded fields wait for the service; None for a folder in that home.
        max_upload_bytes: largest request; more is answered with 413.
        secret_key: signs sessions; None for the device's own, made at first start.

    Raises:
        StoreError: the key cannot be read or written.
    """
    app = Flask(__name__)
    home = service.store.home
    app.config.update(
        SECRET_KEY=secret_key or load_or_create_secret_key(home),
        MAX_CONTENT_LENGTH=max_upload_bytes,
        MAX_FORM_PARTS=MAX_FILES + 20,
        SESSION_COOKIE_NAME="clinicscope_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # A phone keeps the form open for hours, and offline its clock may jump.
        WTF_CSRF_TIME_LIMIT=None,
    )
    images, uploads = FieldImages(service.store), upload_dir or home / UPLOADS_FOLDER
    attach(app, Context(service, uploads, images, enhancer))
    CSRFProtect(app)
    protect_responses(app)
    dress(app)
    app.jinja_env.globals["enhancer"] = enhancer
    pages = (today, specimens, evidence, review, tally, signing, reports, records, camera, about)
    for module in pages:
        app.register_blueprint(module.blueprint)
    app.register_blueprint(reports.monthly)
    errors.register(app)
    return app
