"""What goes wrong, for programs: problem documents (RFC 9457), in English whatever the page's
language."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from edge.contract.errors import (
    BundleError,
    BusyError,
    ClinicScopeError,
    ConflictError,
    DataError,
    HardwareError,
    NotFoundError,
    StorageFullError,
)
from web_ui.api.reading import FieldError, InvalidInputError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Where programs ask, so that a page would be of no use.
_PREFIXES = ("/api/", "/metrics")
_RETRY_S = 5


@dataclass(frozen=True)
class Problem:
    """What went wrong.

    Attributes:
        type: always "about:blank": the status says all that a program can act on.
        title: the status in words.
        status: the HTTP status.
        detail: what is wrong with this very request, and what to do.
        errors: by field, where values of the request are wrong.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


# Of the program's own errors the status, and whether its words are for the one who asked.
_CODES: tuple[tuple[type[ClinicScopeError], int], ...] = (
    (NotFoundError, 404),
    (BusyError, 409),
    (ConflictError, 409),
    (StorageFullError, 507),
    (DataError, 422),
    (BundleError, 503),
    (HardwareError, 503),
)


def asked_by_program() -> bool:
    """Whether the request at work is for a program."""
    return request.path.startswith(_PREFIXES)


def for_programs(page: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An error handler that gives programs a problem, and everyone else the page."""

    def answer(error: Exception) -> Any:
        return answer_error(error) if asked_by_program() else page(error)

    return answer


def answer_error(error: Exception) -> Response | HTTPException:
    """The problem of an error; what went wrong inside goes to the log alone."""
    if isinstance(error, InvalidInputError):
        return problem(422, "values of the request cannot be taken", tuple(error.errors))
    if isinstance(error, HTTPException):
        return _answer_http(error)
    if isinstance(error, ClinicScopeError):
        code = next((code for kind, code in _CODES if isinstance(error, kind)), 500)
        if code < 500:
            return problem(code, str(error))
        log.error("an answer could not be made: %s", error)
        return problem(code, _INSIDE[code])
    log.error("an answer could not be made", exc_info=error)
    return problem(500, _INSIDE[500])


_INSIDE = {
    500: "Nothing that was stored is lost. Try again; the device's log says what went wrong.",
    503: "The device cannot do this now; its health says why.",
    507: "The device is full; free some space, then try again.",
}


def _answer_http(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error  # A redirect is no failure.
    made = problem(code, _too_large() if code == 413 else error.description or "")
    # Of 405 what is allowed, of 429 when to come again.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            made.headers[name] = value
    return made


def _too_large() -> str:
    limit = request.max_content_length or 0
    return f"at most {limit:,} bytes, in {request.max_form_parts} parts, are taken at once"


def problem(code: int, detail: str, errors: tuple[FieldError, ...] = ()) -> Response:
    """A problem document."""
    try:
        title = HTTPStatus(code).phrase
    except ValueError:
        title = "Refused"
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": code,
        "detail": detail,
        "errors": [vars(error) for error in errors],
    }
    response = Response(json.dumps(content), code, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if code == 409:
        response.headers["Retry-After"] = str(_RETRY_S)
    if code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="clinicscope"'
    return response
