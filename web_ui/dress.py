"""What every template may use."""

from __future__ import annotations

from flask import Flask

from web_ui.result_words import FILTERS as RESULT_FILTERS
from web_ui.words import FILTERS, NOTICE


def dress(app: Flask) -> None:
    """Gives an app's templates their filters and the notice that every page shows."""
    app.jinja_env.filters.update(FILTERS | RESULT_FILTERS)
    app.jinja_env.globals["notice"] = NOTICE
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
