"""Who may send much: of all others a large body is refused at its head, before it fills the card.

The page itself refuses them, too, but only once the server has taken everything in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask
from itsdangerous import BadSignature
from waitress.parser import HTTPRequestParser
from werkzeug.http import parse_cookie

from edge.store.tokens import Tokens
from web_ui.context import Context, parts_of

# What a page without files sends, and more.
SMALL_BODY_BYTES = 1024 * 1024
_BEARER = "Bearer "


class WaryParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request; of a large one only the head where its sender is not known."""

    def __init__(self, adj: Any, is_known: Callable[[Mapping[str, str]], bool]) -> None:
        super().__init__(adj)
        self.adj: Any = adj
        self._is_known = is_known

    def parse_header(self, header_plus: bytes) -> None:
        """Lowers the limit of this one request where it must be."""
        super().parse_header(header_plus)
        large = self.chunked or self.content_length >= SMALL_BODY_BYTES
        if large and not self._is_known(self.headers):
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = min(SMALL_BODY_BYTES, self.adj.max_request_body_size)


def parser_for(app: Flask) -> Callable[[Any], HTTPRequestParser]:
    """The reader of an app's requests."""
    return partial(WaryParser, is_known=partial(_is_known, app, parts_of(app)))


def _is_known(app: Flask, here: Context, headers: Mapping[str, str]) -> bool:
    """Whether a session, locked or not, or a token comes with these headers."""
    shown = headers.get("AUTHORIZATION", "")
    if shown.startswith(_BEARER):
        return Tokens(here.store).find(shown.removeprefix(_BEARER).strip()) is not None
    cookie = parse_cookie(headers.get("COOKIE", "")).get(app.config["SESSION_COOKIE_NAME"], "")
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    try:
        name = serializer.loads(cookie).get("_user_id")
    except BadSignature:
        return False
    return isinstance(name, str) and here.sessions.find(name) is not None
