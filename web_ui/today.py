"""The first page: may the device screen, what is running, what came before."""

from __future__ import annotations

from flask import Blueprint, render_template

from web_ui.camera import view_camera
from web_ui.context import context
from web_ui.presenter import view_specimens

blueprint = Blueprint("today", __name__)

LATEST = 6


@blueprint.get("/")
def show() -> str:
    """State of the device, the running specimen, the latest ones."""
    state = context().service.state()
    views = view_specimens(context().service, LATEST + 1)
    return render_template(
        "today.html",
        state=state,
        camera=view_camera(context().service.camera),
        running=next((view for view in views if view.running), None),
        latest=[view for view in views if not view.running][:LATEST],
    )
