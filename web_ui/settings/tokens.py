"""Tokens for programs that ask the device: made here, shown once, ended here."""

from __future__ import annotations

from flask import abort, request
from werkzeug.wrappers import Response

from edge.contract.errors import ClinicScopeError, NotFoundError
from edge.store.tokens import SCOPES, Tokens
from web_ui.context import context
from web_ui.person import person
from web_ui.settings.common import back, page


def show() -> Response:
    """All tokens, and the form for a new one."""
    return _page()


def add() -> Response:
    """Makes one and shows its secret, this once."""
    chosen = request.form.getlist("scope")
    try:
        token, secret = _tokens().create(request.form.get("name", ""), chosen, person())
    except ClinicScopeError as error:
        return _page(error, name=request.form.get("name", ""), chosen=chosen)
    return _page(made=token, secret=secret)


def revoke(token_id: int) -> Response:
    """Ends a token for good."""
    try:
        _tokens().revoke(token_id, person())
    except NotFoundError:
        abort(404)
    return back("tokens")


def _tokens() -> Tokens:
    return Tokens(context().store)


def _page(error: ClinicScopeError | None = None, **values: object) -> Response:
    return page("tokens.html", error, tokens=_tokens().all(), scopes=SCOPES, **values)
