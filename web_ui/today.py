"""The first page: what waits, what is running, how the device is, and one large button."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, render_template

from edge.store.outbox import Outbox
from edge.store.records import UNSENT, WAITING
from edge.store.waiting import expected_count
from web_ui.camera import view_camera
from web_ui.context import context
from web_ui.device_facts import read_facts
from web_ui.viewing import view_specimens
from web_ui.waiting import waiting_lists

blueprint = Blueprint("today", __name__)

LATEST = 6


@blueprint.get("/")
def show() -> str:
    """What waits, the running specimen, the device, the latest specimens."""
    here = context()
    views = view_specimens(here.service, LATEST + 1)
    return render_template(
        "today.html",
        state=here.service.state(),
        camera=view_camera(here.service.camera),
        running=next((view for view in views if view.running), None),
        latest=[view for view in views if not view.running][:LATEST],
        waiting=waiting_lists(),
        expected=expected_count(here.store),
        queue=Outbox(here.store).counts(),
        queue_states=(WAITING, UNSENT),
        facts=read_facts(here.store.home),
        now_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )
