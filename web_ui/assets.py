"""The page's own files: their addresses carry a hash of their content, so a phone may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request

_KEPT = "public, max-age=31536000, immutable"
_STAMP = "v"


def stamp_assets(app: Flask) -> None:
    """Stamps each address of a static file, and lets what is fetched by a stamp be kept."""
    app.url_defaults(_add_stamp)
    app.after_request(_keep)


def _add_stamp(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and "filename" in values:
        path = Path(str(current_app.static_folder), values["filename"])
        if stamp := _stamp_of(path):
            values[_STAMP] = stamp


@cache
def _stamp_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else ""


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and _STAMP in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = _KEPT
    return response
