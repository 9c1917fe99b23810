"""What the pages of settings share: saving, and the line of the log that says who did."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from edge.config import CONFIG_FILE, DeviceConfig
from edge.contract.errors import BusyError, ClinicScopeError, DataError
from edge.store.audit import Audit
from web_ui.context import context
from web_ui.device import device
from web_ui.language import gettext as _
from web_ui.person import person

CHANGED = "settings.changed"
# Who did what was done before there was anyone.
_NOBODY = "first run"


def save(
    changes: Mapping[str, object],
    told: Mapping[str, object],
    take_up: Callable[[DeviceConfig], None] = lambda _: None,
) -> None:
    """Changes the config, says so in the log, and lets what runs take it up.

    Args:
        changes: as of `change_config`.
        told: what the log keeps of them: no password, no address.
        take_up: is given the new config; what it raises leaves the change for a restart.

    Raises:
        ClinicScopeError: it cannot be saved, or not be taken up.
    """
    live = device().live
    written = live.write(changes)
    Audit(context().store).write(person() or _NOBODY, CHANGED, CONFIG_FILE, told)
    take_up(written)
    live.adopt(written, changes)


def refuse_at_work() -> None:
    """Raises BusyError while a specimen is being screened: it must end as it began."""
    progress = context().service.state().progress
    if progress is not None and progress.running:
        told = _(
            "“%(label)s” is being screened; wait for it or stop it first.", label=progress.label
        )
        raise BusyError(told)


def check_repeated(password: str, again: str) -> None:
    """Raises DataError where a password was not typed twice alike: nobody sees what she types."""
    if password != again:
        raise DataError(_("The two passwords differ; type the same one twice."))


def back(endpoint: str) -> Response:
    """To a page, which says that it was done."""
    return redirect(url_for(f"settings.{endpoint}", done=1), 303)


def page(template: str, error: ClinicScopeError | None = None, **values: object) -> Response:
    """A page of settings; with an error it says that nothing was saved, and why."""
    problem = str(error or "").replace(f"{context().store.home / CONFIG_FILE}: ", "")
    text = render_template(f"settings/{template}", problem=problem, live=device().live, **values)
    busy = isinstance(error, BusyError)
    return make_response(text, 409 if busy else 422 if error else 200)
