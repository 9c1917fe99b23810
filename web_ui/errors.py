"""Errors as pages in plain words; what went wrong inside goes to the log, not to the page."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Flask, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from edge.contract.errors import (
    BusyError,
    ClinicScopeError,
    ConflictError,
    NotFoundError,
    StorageFullError,
)
from web_ui.api.problems import for_programs
from web_ui.forms import MAX_FILES
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext, said
from web_ui.words import decimal

log = logging.getLogger(__name__)

Answer = tuple[str, int]


@dataclass(frozen=True)
class ErrorText:
    """Headline and advice of an error page."""

    title: str
    advice: str


_TEXTS = {
    400: ErrorText(
        lazy_gettext("The page could not be read"),
        lazy_gettext("Go back, reload the page and try again."),
    ),
    401: ErrorText(
        lazy_gettext("Not logged in"),
        lazy_gettext("Log in, then try again."),
    ),
    403: ErrorText(
        lazy_gettext("Your role does not allow this"),
        lazy_gettext("Ask a person who may do this. An admin changes roles under Settings."),
    ),
    404: ErrorText(
        lazy_gettext("Not found"),
        lazy_gettext("There is nothing at this address. It may have been removed."),
    ),
    405: ErrorText(
        lazy_gettext("Not possible here"),
        lazy_gettext("Go back and use the buttons of the page."),
    ),
    409: ErrorText(
        lazy_gettext("The device is busy"),
        lazy_gettext("Wait until the running specimen is finished."),
    ),
    413: ErrorText(
        lazy_gettext("Too much at once"),
        lazy_gettext("Choose fewer or smaller images and send again."),
    ),
    429: ErrorText(
        lazy_gettext("Too many requests"),
        lazy_gettext("Wait a little, then try again."),
    ),
    500: ErrorText(
        lazy_gettext("Something went wrong"),
        lazy_gettext(
            "Nothing that was stored is lost. Try again; if it stays, restart the device."
        ),
    ),
    507: ErrorText(
        lazy_gettext("The device is full"),
        lazy_gettext("Free some space, then try again."),
    ),
}
_FORGED = ErrorText(
    lazy_gettext("This page was open too long"),
    lazy_gettext("For safety nothing was done. Go back, reload and try again."),
)


def register(app: Flask) -> None:
    """Gives an app its error pages."""
    app.register_error_handler(CSRFError, for_programs(_answer_forged))
    app.register_error_handler(ClinicScopeError, for_programs(_answer_own))
    app.register_error_handler(HTTPException, for_programs(_answer_http))
    app.register_error_handler(Exception, for_programs(_answer_unexpected))


def error_page(code: int, text: ErrorText | None = None) -> Answer:
    """The page of one status code."""
    text = text or _TEXTS.get(code) or _TEXTS[500 if code >= 500 else 400]
    return render_template("error.html", code=code, text=text), code


def _answer_forged(error: CSRFError) -> Answer:
    log.warning("a request without a valid token was refused: %s", error.description)
    return error_page(400, _FORGED)


def _answer_http(error: HTTPException) -> Answer | HTTPException:
    code = error.code or 500
    if code < 400:
        return error  # A redirect is no failure.
    return error_page(code, _too_large() if code == 413 else None)


def _too_large() -> ErrorText:
    """By what this very address takes."""
    most = current_app.config["MAX_CONTENT_LENGTH"]
    here = request.max_content_length or most
    size = decimal(here / 1024**2, 0)
    if here < most:
        advice = _("At most %(size)s MB can be sent here. Nothing was stored.", size=size)
    else:
        advice = _(
            "Send at most %(count)s images and %(size)s MB at once. Nothing was stored.",
            count=MAX_FILES,
            size=size,
        )
    return ErrorText(_TEXTS[413].title, advice)


def _answer_own(error: ClinicScopeError) -> Answer:
    if isinstance(error, NotFoundError):
        return error_page(404)
    if isinstance(error, BusyError):
        return error_page(409)
    if isinstance(error, ConflictError):
        return error_page(409, ErrorText(_("This was not stored"), said(f"{error}.")))
    log.error("a page could not be made: %s", error)
    return error_page(507 if isinstance(error, StorageFullError) else 500)


def _answer_unexpected(error: Exception) -> Answer:
    # The web edge: whatever it was, the person gets a page, and the log gets the trace.
    log.error("a page could not be made", exc_info=error)
    return error_page(500)
