"""The local page: a Flask application that shows what the screening service does.

Views translate HTTP to the service and back; nothing here looks at a cell or decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from flask_wtf import CSRFProtect

from web_ui import (
    about,
    api,
    benchmark,
    camera,
    capture,
    certificate,
    correcting,
    errors,
    evidence,
    exporting,
    first_run,
    health,
    images,
    language_switch,
    login,
    pwa,
    records,
    reports,
    review,
    safe_mode,
    sending,
    settings,
    signing,
    specimens,
    statistics,
    tally,
    theme,
    today,
    waiting,
    xrays,
)
from web_ui.compressed import compress_answers
from web_ui.context import Context, attach
from web_ui.device import Device, attach_device, device_of
from web_ui.dress import dress
from web_ui.forms import MAX_FILES
from web_ui.guard import guard
from web_ui.headers import protect_responses
from web_ui.jobs import Jobs
from web_ui.limits import count_requests, limit_endpoints, refuse_unread
from web_ui.metrics import page as metrics
from web_ui.metrics.meter import measure
from web_ui.person import know_visitors
from web_ui.pictures import FieldImages
from web_ui.secret_key import load_or_create_secret_key
from web_ui.seen import note_sights
from web_ui.sessions import Sessions
from web_ui.sharper_views import SharperViews
from web_ui.single_pictures import open_pictures

if TYPE_CHECKING:
    from edge.enhancement.enhancer import Enhancer
    from edge.page_settings import PageSettings
    from edge.screening.classifier import Classifier
    from edge.screening.service import ScreeningService
    from edge.sync.sender import Sender

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
UPLOADS_FOLDER = "uploads"
BLUEPRINTS = (
    today.blueprint,
    specimens.blueprint,
    evidence.blueprint,
    review.blueprint,
    tally.blueprint,
    signing.blueprint,
    reports.blueprint,
    records.blueprint,
    exporting.blueprint,
    first_run.blueprint,
    health.blueprint,
    safe_mode.blueprint,
    benchmark.blueprint,
    settings.blueprint,
    sending.blueprint,
    statistics.blueprint,
    correcting.blueprint,
    camera.blueprint,
    capture.blueprint,
    certificate.blueprint,
    about.blueprint,
    language_switch.blueprint,
    login.blueprint,
    pwa.blueprint,
    theme.blueprint,
    waiting.blueprint,
    images.blueprint,
    xrays.blueprint,
    reports.monthly,
    metrics.blueprint,
)


def create_app(
    service: ScreeningService,
    *,
    enhancer: Enhancer | None = None,
    sender: Sender | None = None,
    upload_dir: Path | None = None,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    secret_key: bytes | None = None,
    page: PageSettings | None = None,
    secure: bool = False,
    load_bundle: Callable[[str], Classifier] | None = None,
    device: Device | None = None,
) -> Flask:
    """The page of one device.

    Args:
        service: does the work; its store's home is where the page keeps its key.
        enhancer: makes sharper views of suspect cells until another is chosen; without it the page
            offers none.
        sender: sends results by itself; without it the page shows the queue alone.
        upload_dir: where uploaded fields wait for the service; None for a folder in that home.
        max_upload_bytes: largest request; more is answered with 413.
        secret_key: signs sessions; None for the device's own, made at first start.
        page: what the site sets of it.
        secure: it is reached by TLS, so its cookies travel by nothing else.
        load_bundle: opens the bundle of a task for single pictures; None takes the active one.
        device: its config, clock and long work; None for that of the service's records.

    Raises:
        StoreError: the key cannot be read or written.
        ConfigError: no `device` is given, and config.toml is wrong.
    """
    app, home = Flask(__name__), service.store.home
    app.config.update(
        cookies(secure),
        SECRET_KEY=secret_key or load_or_create_secret_key(home),
        MAX_CONTENT_LENGTH=max_upload_bytes,
        MAX_FORM_PARTS=MAX_FILES + 20,
    )
    fields, uploads = FieldImages(service.store), upload_dir or home / UPLOADS_FOLDER
    here = Context(
        service,
        uploads,
        fields,
        Jobs(home),
        open_pictures(service.store, load_bundle),
        SharperViews(home, enhancer),
        sender=sender,
        sessions=Sessions(page),
    )
    attach(app, here)
    attach_device(app, device or device_of(service.store))
    measure(app, here.meter)
    know_visitors(app)
    # Before the protection against forged forms, which reads what was sent.
    limiter = count_requests(app)
    guard(app)
    refuse_unread(app)
    api.register(app, CSRFProtect(app))
    compress_answers(app)
    protect_responses(app)
    dress(app, page.language if page else "")
    # A function: what was put into a template's globals stays in its macros.
    app.jinja_env.globals["enhancer"] = lambda: here.sharper.current
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    errors.register(app)
    limit_endpoints(app, limiter)
    note_sights(app)
    safe_mode.lead_there(app)
    return app


def cookies(secure: bool) -> dict[str, object]:
    """How the browser keeps the session; by TLS alone where the page is reached so."""
    return {
        "SESSION_COOKIE_NAME": "clinicscope_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        # A phone keeps the form open for hours, and offline its clock may jump.
        "WTF_CSRF_TIME_LIMIT": None,
    }
