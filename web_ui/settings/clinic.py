"""The place's name, its language, the time-outs of the page, and the clock."""

from __future__ import annotations

from flask import current_app, request
from werkzeug.wrappers import Response

from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError, ConfigError
from edge.language import LANGUAGES
from edge.page_settings import LIMITS
from web_ui.clock_form import ClockForm, set_by_form
from web_ui.context import context
from web_ui.device import device
from web_ui.forms import clean_label
from web_ui.language import DEVICE_LANGUAGE
from web_ui.settings.common import back, page
from web_ui.settings.common import save as save_config


def show() -> Response:
    """The form."""
    return _form(device().live.current.page.__dict__)


def save() -> Response:
    """Takes it; the time-outs count from the next tap on."""
    values = {name: request.form.get(name, "").strip() for name in ("language", *LIMITS)}
    values["clinic"] = clean_label(request.form.get("clinic", ""))
    try:
        changes = _changes(values)
        save_config(changes, changes, take_up_page)
        set_by_form()
    except ClinicScopeError as error:
        return _form(values, error)
    return back("clinic")


def take_up_page(config: DeviceConfig) -> None:
    """Lets the page go by its settings from now on."""
    context().sessions.settings = config.page
    current_app.config[DEVICE_LANGUAGE] = config.page.language


def _changes(values: dict[str, str]) -> dict[str, object]:
    changes: dict[str, object] = {f"page.{name}": values[name] for name in ("clinic", "language")}
    for name in LIMITS:
        # No number, like 15.5, is said with the numbers that are allowed.
        if not values[name].isascii() or not values[name].isdecimal():
            least, most = LIMITS[name]
            raise ConfigError(f"{name} is {values[name][:20]!r}; allowed: {least} to {most}")
        changes[f"page.{name}"] = int(values[name])
    return changes


def _form(
    values: dict[str, object] | dict[str, str], error: ClinicScopeError | None = None
) -> Response:
    return page(
        "clinic.html",
        error,
        values=values,
        all_languages=LANGUAGES.values(),
        limits=LIMITS,
        clock=ClockForm.now(),
    )
