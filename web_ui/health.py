"""Health: every check of `doctor` with its state and what to do, the log, and the file for support.

The checks take seconds, so a process of its own makes them and the page shows the last outcome.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request, send_file, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import BusyError, ManifestError
from edge.contract.records import from_plain
from edge.health import ABSENT, FAILED, OK, PRESENT, WARNING, Check
from edge.log_file import newest_lines
from edge.store.audit import Audit
from edge.support.make import SUBJECT, file_name, make_support_zip
from web_ui.child_run import ChildState
from web_ui.context import context
from web_ui.device import device
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext
from web_ui.live_checks import part_checks
from web_ui.person import person
from web_ui.words import Badge

blueprint = Blueprint("health", __name__, url_prefix="/health")

LINES_SHOWN = 100
SUPPORT_MADE = "support.made"
_CHECKS_TAKE_S = 120.0
# What is screened and who waits for a page come first.
_NICENESS = 10
_DOCTOR = (
    "-c",
    f"import os; os.nice({_NICENESS}); from edge.cli import script; script()",
    "doctor",
    "--json",
)
_BADGES = {
    FAILED: Badge(lazy_gettext("Failed"), "positive", "cross"),
    WARNING: Badge(lazy_gettext("To be looked at"), "unsure", "alert"),
    OK: Badge(lazy_gettext("In order"), "negative", "check"),
    PRESENT: Badge(lazy_gettext("There"), "negative", "check"),
    ABSENT: Badge(lazy_gettext("Not there"), "plain", "info"),
}
_ORDER = (FAILED, WARNING, OK)
_NAMES = {
    "python": lazy_gettext("Python"),
    "data directory": lazy_gettext("Data directory"),
    "disk": lazy_gettext("Disk"),
    "records": lazy_gettext("Records"),
    "runtime": lazy_gettext("Runtime"),
    "camera": lazy_gettext("Camera"),
    "bundle": lazy_gettext("Network that decides"),
    "site": lazy_gettext("Threshold of this site"),
    "stages": lazy_gettext("Network of stages"),
    "enhancer": lazy_gettext("Sharper view"),
    "log": lazy_gettext("Log of who did what"),
    "clock": lazy_gettext("Clock"),
    "images": lazy_gettext("Room for images"),
    "outbox": lazy_gettext("To be sent"),
    "backup age": lazy_gettext("Backup"),
    "certificate": lazy_gettext("Certificate"),
    "card": lazy_gettext("Card"),
    "memory": lazy_gettext("Memory"),
    "temperature": lazy_gettext("Temperature"),
    "power": lazy_gettext("Power supply"),
    "updates": lazy_gettext("Updates"),
    "restarts": lazy_gettext("Restarts"),
    "queue age": lazy_gettext("Oldest to be sent"),
    "accelerator": lazy_gettext("What computes"),
    "heartbeat": lazy_gettext("Parts of the service"),
    "sync": lazy_gettext("Sending"),
}


@dataclass(frozen=True)
class HealthView:
    """What the templates read.

    Attributes:
        lines: the checks, the worst first, without the accelerators.
        accelerators: what could compute, there or not.
        running: the checks are being made.
        problem: why there is no outcome; empty otherwise.
        ended_utc: when they were made; empty before the first time.
    """

    lines: list[Check]
    accelerators: list[Check]
    running: bool
    problem: str
    ended_utc: str

    @property
    def worst(self) -> str:
        """The worst state of all."""
        return self.lines[0].state if self.lines else ""


@blueprint.get("")
def show() -> str:
    """The page; the first time since the start the checks are begun."""
    state = device().doctor.state()
    if not state.running and not state.ended_utc and not _at_work():
        _begin()
    return _page("health.html", log=newest_lines(context().store.home, LINES_SHOWN))


@blueprint.get("/checks")
def checks() -> str:
    """The part of the page that changes."""
    return _page("_health.html")


@blueprint.post("/check")
def check() -> AnyResponse:
    """Begins the checks; does nothing while they are being made."""
    if not device().doctor.state().running:
        _begin()
    return redirect(url_for(".show"), 303)


@blueprint.post("/support")
def support() -> Response:
    """The file for support."""
    doctor = device().doctor
    if not doctor.state().ended_utc:
        if not doctor.state().running:
            _begin()
        doctor.wait(_CHECKS_TAKE_S)
    view, store = health_view(), context().store
    found = make_support_zip(store, device().live.current, [*view.lines, *view.accelerators])
    Audit(store).write(person(), SUPPORT_MADE, SUBJECT, {"bytes": len(found)})
    name = file_name(store)
    return send_file(io.BytesIO(found), "application/zip", as_attachment=True, download_name=name)


def health_view() -> HealthView:
    """The last outcome, with the parts of the service as they are now."""
    state = device().doctor.state()
    lines, problem = read_checks(state)
    if lines:
        live = part_checks()
        names = {one.name for one in live}
        lines = [*(one for one in lines if one.name not in names), *live]
    return HealthView(
        sorted(
            (one for one in lines if one.state in _ORDER), key=lambda one: _ORDER.index(one.state)
        ),
        [one for one in lines if one.state not in _ORDER],
        state.running,
        problem,
        state.ended_utc,
    )


def read_checks(state: ChildState) -> tuple[list[Check], str]:
    """The checks that `doctor` wrote, and why there are none."""
    if not state.ended_utc:
        return [], ""
    try:
        plain = json.loads(state.output)
        return [from_plain(Check, one, "doctor") for one in plain], ""
    except (ValueError, TypeError, ManifestError):
        told = state.error.strip().splitlines()
        return [], told[-1] if told else _(
            "The checks ended with code %(code)s.", code=state.exit_code
        )


def check_words(name: str) -> str:
    """A check's name for a person."""
    return str(_NAMES.get(name, name))


def _begin() -> None:
    try:
        device().doctor.start((*_DOCTOR, *device().flags))
    except BusyError:
        return  # Another page was quicker.


def _at_work() -> bool:
    progress = context().service.state().progress
    return progress is not None and progress.running


def _page(template: str, **values: object) -> str:
    return render_template(
        template,
        health=health_view(),
        badges=_BADGES,
        words=check_words,
        state=context().service.state(),
        partial="HX-Request" in request.headers,
        **values,
    )
