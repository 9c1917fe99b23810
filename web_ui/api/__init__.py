"""The API for programs: `/api/v1`, by tokens alone, never by a person's session.

Since no cookie counts here, a page elsewhere cannot make a browser act, and no CSRF token is asked.
"""

from __future__ import annotations

from flask import Flask
from flask_wtf import CSRFProtect

# Each adds its operations to the table.
from web_ui.api import described, health, predict, results, specimens, xrays
from web_ui.api.operations import OPERATIONS, blueprint

__all__ = [
    "OPERATIONS",
    "blueprint",
    "described",
    "health",
    "predict",
    "results",
    "specimens",
    "xrays",
]


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Gives an app its API."""
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
