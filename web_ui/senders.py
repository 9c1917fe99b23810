"""Who may send much: of all others a large body is let go as it comes in, before it fills the card.

The page answers them all the same, in its own words. A browser listens only once it has sent
everything, so what is not kept is still taken from the line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask
from itsdangerous import BadSignature
from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser
from waitress.utilities import RequestEntityTooLarge
from werkzeug.http import parse_cookie

from edge.store.tokens import Tokens
from web_ui.context import Context, is_whole, parts_of

# What a page without files sends, and more.
SMALL_BODY_BYTES = 1024 * 1024
# Who sends more than this is answered at once, whether he listens or not.
MOST_SWALLOWED_BYTES = 2 * 1024**3
_BEARER = "Bearer "


class Unread(io.BytesIO):
    """In place of a body that was too large to be kept; empty."""


class BodyBuffer(OverflowableBuffer):  # type: ignore[misc]
    """A request's body, up to a limit; beyond that nothing of it is kept.

    Attributes:
        given_up: it was too large.
    """

    def __init__(self, overflow: int, most_bytes: int) -> None:
        super().__init__(overflow)
        self._most_bytes = most_bytes
        self._came_bytes = 0
        self.given_up = False

    def __len__(self) -> int:
        return self._came_bytes

    def append(self, s: bytes) -> None:
        """Takes more of it."""
        self._came_bytes += len(s)
        if self._came_bytes > self._most_bytes:
            self.give_up()
        if not self.given_up:
            super().append(s)

    def give_up(self) -> None:
        """Lets go what is kept, and all that comes."""
        if not self.given_up:
            self.given_up = True
            self.close()
            self.buf, self.strbuf = None, b""


class WaryParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request, but keeps no body that is too large for the page or for its sender.

    Args:
        adj: the server's settings.
        most_bytes: of a body that the page takes.
        is_known: whether the one with these headers may send more than SMALL_BODY_BYTES.
    """

    error: Any
    expect_continue: bool

    def __init__(
        self, adj: Any, most_bytes: int, is_known: Callable[[Mapping[str, str]], bool]
    ) -> None:
        super().__init__(adj)
        self._most_bytes = most_bytes
        self._is_known = is_known
        self._body: BodyBuffer | None = None

    def parse_header(self, header_plus: bytes) -> None:
        """Decides by the head how much is kept."""
        super().parse_header(header_plus)
        if self.body_rcv is None:
            return
        most_bytes = self._most_bytes
        if (self.chunked or self.content_length > SMALL_BODY_BYTES) and not self._is_known(
            self.headers
        ):
            most_bytes = min(SMALL_BODY_BYTES, most_bytes)
        self._body = self.body_rcv.buf = BodyBuffer(self.adj.inbuf_overflow, most_bytes)
        if self.content_length > most_bytes:
            self._body.give_up()

    def received(self, data: bytes) -> int:
        """Takes what came; says how much of it is done with."""
        consumed = int(super().received(data))
        if self._body is None or not self._body.given_up:
            return consumed
        endless = isinstance(self.error, RequestEntityTooLarge)
        if endless or self.expect_continue:  # Who asks first need not send it at all.
            self.error, self.expect_continue = None, False
            self.completed, self.headers["CONNECTION"] = True, "close"
            return len(data)
        return consumed

    def get_body_stream(self) -> Any:
        """What the page reads."""
        given_up = self._body is not None and self._body.given_up
        return Unread() if given_up else super().get_body_stream()


def is_unread(environ: Mapping[str, Any]) -> bool:
    """Whether a request had a body that was not kept."""
    return isinstance(environ["wsgi.input"], Unread)


def parser_for(app: Flask) -> Callable[[Any], HTTPRequestParser]:
    """The reader of an app's requests; where an app sets no limit, none is large."""
    most_bytes = app.config["MAX_CONTENT_LENGTH"] or SMALL_BODY_BYTES
    known = partial(_is_known, app, parts_of(app)) if is_whole(app) else _anyone
    return partial(WaryParser, most_bytes=most_bytes, is_known=known)


def _anyone(_: Mapping[str, str]) -> bool:
    return True


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
