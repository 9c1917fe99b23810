"""What the API can do, as one table: the routes, the document and the access rules come from it.

A view gets checked values and gives a value back; it sees neither query nor JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from edge.contract.records import to_plain
from edge.store.tokens import HEALTH, METRICS, PREDICT, RESULTS, SPECIMENS
from web_ui.api.kinds import summary_of
from web_ui.api.reading import FieldError, InvalidInputError, read_json, read_text

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

JSON, FORM = "application/json", "multipart/form-data"
MAX_JSON_BYTES = 64 * 1024
IMAGES = "PNG, JPEG, WebP or BMP images."
PICTURES = "PNG, JPEG, WebP, BMP or DICOM pictures."

# What each scope of a token allows.
SCOPE_WORDS = {
    PREDICT: "Call single pictures; nothing of it is stored.",
    SPECIMENS: "Start, stop and read slides and chest X-rays and their fields, without results.",
    RESULTS: "Read results.",
    HEALTH: "Read how the device is.",
    METRICS: "Read figures for monitoring, at /metrics.",
}


@dataclass(frozen=True)
class Body:
    """What a request may carry.

    Attributes:
        json: the object of a JSON body; None where none is taken.
        form: the fields of a form, beside its files; None where none is taken.
        files: name of the form's files; each may be given several times.
        most_files: that one request may carry.
        kinds: of files that are taken, in words.
        max_bytes: of a form; None for what the application takes.
    """

    json: type | None = None
    form: type | None = None
    files: str = ""
    most_files: int = 0
    kinds: str = IMAGES
    max_bytes: int | None = None


@dataclass(frozen=True)
class Given:
    """A checked body: an object of the `Body`'s `json` or `form`, and the files."""

    values: Any
    files: tuple[FileStorage, ...] = ()


@dataclass(frozen=True)
class Created:
    """An answer whose subject is new, and where it is found."""

    value: Any
    location: str


@dataclass(frozen=True)
class Operation:
    """One thing that the API can do.

    Attributes:
        rule: below the API's address, as Flask writes it.
        scope: that a token needs; empty where anyone may.
        answer: the kind of value that the view gives; None for a plain JSON object.
        code: of success.
        refusals: the codes that are this operation's own, and what each means.
    """

    name: str
    rule: str
    method: str
    tag: str
    scope: str
    summary: str
    answer: type | None
    query: type | None = None
    body: Body | None = None
    code: int = 200
    refusals: dict[int, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """As Flask names it."""
        return f"{blueprint.name}.{self.name}"


OPERATIONS: list[Operation] = []

View = Callable[..., Any]


def operation(
    rule: str,
    method: str = "GET",
    *,
    tag: str,
    scope: str,
    answer: type | None,
    query: type | None = None,
    body: Body | None = None,
    code: int = 200,
    refusals: dict[int, str] | None = None,
) -> Callable[[View], View]:
    """Makes a view an operation; see `Operation`.

    The view is called with the parts of its path, with `query` where the operation has one, and
    with `given` where it has a body. Its docstring is the operation's summary.
    """

    def decorate(view: View) -> View:
        made = Operation(
            view.__name__,
            rule,
            method,
            tag,
            scope,
            summary_of(view),
            answer,
            query,
            body,
            code,
            refusals or {},
        )
        OPERATIONS.append(made)
        blueprint.add_url_rule(rule, made.name, _handler(made, view), methods=[method])
        return view

    return decorate


def _handler(made: Operation, view: View) -> Callable[..., Response]:
    def handle(**parts: str) -> Response:
        given: dict[str, Any] = dict(parts)
        if made.query:
            given["query"] = read_text(made.query, request.args)
        elif request.args:
            raise InvalidInputError([FieldError(next(iter(request.args)), "no query is taken")])
        if made.body:
            given["given"] = _read_body(made.body)
        return _answer(made, view(**given))

    return handle


def _answer(made: Operation, value: Any) -> Response:
    location = value.location if isinstance(value, Created) else ""
    plain = to_plain(value.value if isinstance(value, Created) else value)
    response = jsonify(plain)
    response.status_code = made.code
    if location:
        response.headers["Location"] = location
    return response


def _read_body(body: Body) -> Given:
    if body.json and request.mimetype == JSON:
        request.max_content_length = MAX_JSON_BYTES
        return Given(read_json(body.json, request.get_data(cache=False)))
    if body.form and request.mimetype == FORM:
        if body.max_bytes:
            request.max_content_length = body.max_bytes
        return _read_form(body, body.form)
    taken = [kind for kind, used in ((JSON, body.json), (FORM, body.form)) if used]
    raise UnsupportedMediaType(f"send {' or '.join(taken)}, not {request.mimetype or 'nothing'}")


def _read_form(body: Body, kind: type) -> Given:
    """A part that is empty and has no name is what a form without a choice sends."""
    others = [name for name in request.files if name != body.files]
    if others:
        raise InvalidInputError([FieldError(others[0][:80], "no file is taken under this name")])
    files = tuple(file for file in request.files.getlist(body.files) if file.filename)
    if not files:
        raise InvalidInputError([FieldError(body.files, "missing; send a file at least")])
    if len(files) > body.most_files:
        told = f"{len(files)} are sent; send at most {body.most_files} at once"
        raise InvalidInputError([FieldError(body.files, told)])
    return Given(read_text(kind, request.form), files)
