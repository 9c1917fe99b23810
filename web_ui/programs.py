"""Which program asks: the token that a request shows, looked up once for each request."""

from __future__ import annotations

from flask import g, request

from edge.store.tokens import ApiToken, Tokens
from web_ui.context import context


def shown_token() -> ApiToken | None:
    """The token that came with the request at work; None without one that is in force."""
    if "shown_token" not in g:
        g.shown_token = _find()
    found: ApiToken | None = g.shown_token
    return found


def _find() -> ApiToken | None:
    shown = request.authorization
    secret = shown.token if shown is not None and shown.type == "bearer" else None
    return Tokens(context().store).find(secret) if secret else None
