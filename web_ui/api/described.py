"""The document itself, for whoever has no copy."""

from __future__ import annotations

from functools import cache
from typing import Any

from web_ui.api.document import build_document
from web_ui.api.operations import operation


@operation("/openapi.json", tag="health", scope="", answer=None)
def describe() -> dict[str, Any]:
    """This document."""
    return _document()


@cache
def _document() -> dict[str, Any]:
    # Made when it is first asked for, once every operation is in the table.
    return build_document()
