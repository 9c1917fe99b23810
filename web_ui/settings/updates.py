"""Updates on the page: a signed file that is sent, or a stick in the device."""

from __future__ import annotations

from flask import abort, request
from werkzeug.wrappers import Response

from edge.contract.errors import ClinicScopeError, DataError
from edge.drives import find_drives
from edge.store.files import disk_errors
from edge.updates.signature import BUNDLE
from edge.updates.stage import aside_folder
from edge.updates.stick import (
    STICK_FOLDER,
    TAKEN,
    Outcome,
    StickCheck,
    check_stick,
    stick_check,
    take_update,
)
from web_ui.context import context
from web_ui.device import device
from web_ui.language import gettext as _
from web_ui.person import person
from web_ui.settings.common import back, refuse_at_work
from web_ui.settings.models import overview, take_up

ENDPOINT = "settings.install_update"


def install() -> Response:
    """Takes a signed update that was sent; a bundle is in use at once, on trial."""
    sent = request.files.get("update")
    if sent is None or not sent.filename:
        return overview(DataError(_("Choose a file first.")))
    home = context().store.home
    try:
        refuse_at_work()
        with aside_folder(home) as folder:
            path = folder / "update.zip"
            with disk_errors(path, request.content_length or 0):
                sent.save(path)
            envelope, told = take_update(_here(), path)
    except ClinicScopeError as error:
        return overview(error)
    if envelope.kind != BUNDLE:
        return overview(outcomes=[Outcome(sent.filename, str(envelope), TAKEN, told)])
    take_up(envelope.name)
    return back("models")


def check_sticks() -> Response:
    """Takes from every stick in the device what is for this one, and lists what became of each."""
    home, outcomes = context().store.home, list[Outcome]()
    try:
        refuse_at_work()
        for drive in find_drives(home):
            if (drive.path / STICK_FOLDER).is_dir():
                outcomes += check_stick(_here(), drive.path / STICK_FOLDER)
    except (ClinicScopeError, OSError) as error:
        return overview(error if isinstance(error, ClinicScopeError) else DataError(str(error)))
    if not outcomes:
        return overview(
            DataError(_("No stick with a folder clinicscope-updates is in the device."))
        )
    for one in outcomes:
        if one.outcome == TAKEN and one.task:
            take_up(one.task)
    return overview(outcomes=outcomes)


def _here() -> StickCheck:
    by = person()
    if not by:
        abort(403)
    return stick_check(context().store, device().live.current, by, again=True)
