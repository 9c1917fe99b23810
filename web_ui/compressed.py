"""Text answers go out compressed to a browser that can read that: a phone's network is slow.

A secret beside text that a stranger chose could leak by the length of such an answer; the one on a
page, the token of its forms, is signed anew every second, so that no two answers carry the same.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Flask, Response, request

# Shorter ones grow.
_LEAST_BYTES = 800
# Beyond it is a file to be kept, and a small device has better things to do.
_MOST_BYTES = 1024 * 1024
_LEVEL = 5
_KINDS = {
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
}


def compress_answers(app: Flask) -> None:
    """Compresses what an app answers, its static files included."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if response.mimetype not in _KINDS or (response.is_streamed and not _is_file(response)):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or response.status_code in (204, 206, 304):
        return response
    if "Content-Encoding" in response.headers or not _fits(response):
        return response
    is_file = _is_file(response)
    response.direct_passthrough = False
    data = response.get_data()
    response.set_data(_kept(data) if is_file else gzip.compress(data, _LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag is not None:
        # The same content in other bytes.
        response.set_etag(etag, weak=True)
    return response


def _is_file(response: Response) -> bool:
    return response.direct_passthrough


def _fits(response: Response) -> bool:
    return _LEAST_BYTES <= (response.content_length or 0) <= _MOST_BYTES


@lru_cache(maxsize=32)
def _kept(data: bytes) -> bytes:
    """Of the page's own files, which are few and stay the same."""
    return gzip.compress(data, 9, mtime=0)
