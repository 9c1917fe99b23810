"""The device's camera on the page: how it is, what it sees, how sharp and how bright that is."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, render_template

from edge.analysis.quality import QualitySettings
from edge.cameras.status import CameraStatus
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import NotFoundError
from web_ui.camera_stream import MIMETYPE
from web_ui.context import context

blueprint = Blueprint("camera", __name__, url_prefix="/camera")

# A focus score on a bar whose middle is where a field can be read.
_FOCUS_SPAN = 2.0
_BRIGHTEST = 255.0


@dataclass(frozen=True)
class CameraView:
    """What the templates read.

    Attributes:
        focus_share: of the focus bar, 0 to 1; half of it is sharp enough.
        light_share: of the light's bar, 0 to 1; from `dark_share` to `bright_share` it is right.
    """

    status: CameraStatus
    tone: str
    icon: str
    focus_share: float | None
    light_share: float | None = None
    dark_share: float = QualitySettings().least_glass_brightness / _BRIGHTEST
    bright_share: float = QualitySettings().saturated_level / _BRIGHTEST

    @property
    def is_sharp(self) -> bool:
        """Sharp enough for a field to be read."""
        return self.focus_share is not None and self.focus_share >= 1 / _FOCUS_SPAN


def view_camera(camera: SupervisedCamera | None) -> CameraView | None:
    """The camera as a page shows it, with its focus; None where the device has none."""
    if camera is None:
        return None
    status = camera.status(judge=True)
    focus = light = None
    if status.focus is not None:
        focus = min(1.0, status.focus / (_FOCUS_SPAN * status.focus_least))
    if status.brightness is not None:
        light = status.brightness / _BRIGHTEST
    tone, icon = ("busy", "pulse") if not status.problem else ("fault", "alert")
    if status.live:
        tone, icon = "negative", "check"
    return CameraView(status, tone, icon, focus, light)


@blueprint.get("/state")
def state() -> str:
    """The part of a page that changes."""
    return render_template("_camera.html", camera=view_camera(_camera()))


@blueprint.get("/guide")
def guide() -> str:
    """What the person at the microscope should do now; a part of the capture page."""
    at_work = context().service.state().progress
    paused = at_work is not None and at_work.running and at_work.paused
    return render_template("_guide.html", camera=view_camera(_camera()), paused=paused)


@blueprint.get("/state.json")
def state_json() -> Response:
    """The same for programs."""
    status = _camera().status(judge=True)
    return jsonify(vars(status) | {"title": status.words.title, "advice": status.words.advice})


@blueprint.get("/preview.jpg")
def preview() -> Response:
    """What the camera sees now, small; 404 while it sees nothing."""
    camera = _camera()
    camera.desk.look()
    found = camera.desk.preview()
    if found is None:
        raise NotFoundError("the camera shows nothing now")
    response = Response(context().previews.encode(found), mimetype="image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/stream.mjpg")
def stream() -> Response:
    """The same as it moves, for a while; busy where others watch already."""
    camera, streams = _camera(), context().streams
    streams.begin()
    response = Response(streams.parts(camera, context().previews), mimetype=MIMETYPE)
    response.call_on_close(streams.end)
    response.headers["Cache-Control"] = "no-store"
    return response


def _camera() -> SupervisedCamera:
    camera = context().service.camera
    if camera is None:
        raise NotFoundError("this device has no camera")
    return camera
