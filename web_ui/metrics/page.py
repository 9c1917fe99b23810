"""The address of the figures: for a token with that scope, or from the device itself."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response

from web_ui.api.health import program_version
from web_ui.context import context
from web_ui.device import device
from web_ui.live_checks import quick_checks
from web_ui.metrics.exposition import CONTENT_TYPE, Family, render
from web_ui.metrics.figures import device_families, machine_families, process_families
from web_ui.metrics.health import check_families, heart_families

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def show() -> Response:
    """All figures as text."""
    response = Response(render(_families()), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def _families() -> Iterator[Family]:
    here = context()
    yield from device_families(here.service, program_version())
    yield from machine_families()
    yield from process_families()
    yield from check_families(quick_checks())
    yield from heart_families(device().heart)
    yield from here.meter.families()
