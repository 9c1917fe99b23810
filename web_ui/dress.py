"""What every template may use."""

from __future__ import annotations

from flask import Flask

from web_ui.assets import stamp_assets
from web_ui.language import speak
from web_ui.navigation import guide
from web_ui.result_words import FILTERS as RESULT_FILTERS
from web_ui.theme import wear
from web_ui.words import FILTERS, NOTICE
from web_ui.xray_words import FILTERS as XRAY_FILTERS


def dress(app: Flask, device_language: str = "") -> None:
    """Gives an app's templates their languages, theme, ways, filters, and the common notice."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    speak(app, device_language)
    app.jinja_env.filters.update(FILTERS | RESULT_FILTERS | XRAY_FILTERS)
    app.jinja_env.globals["notice"] = NOTICE
    wear(app)
    guide(app)
    stamp_assets(app)
