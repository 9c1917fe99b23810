"""Which camera the device looks through, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from edge.cameras.base import CAMERAS, camera_class, read_settings
from edge.cameras.device import attached_cameras, device_camera
from edge.config import CameraConfig, DeviceConfig
from edge.contract.errors import CameraError, ClinicScopeError
from web_ui.camera import view_camera
from web_ui.context import context
from web_ui.device import device
from web_ui.language import lazy_gettext
from web_ui.settings.common import back, page, refuse_at_work
from web_ui.settings.common import save as save_config

NONE = ""
# "replay" reads files, which is no camera of a device.
OFFERED = ("picamera2", "v4l2", "csi", "network", "simulated")
# May hold a user's name and a password: never shown, kept where nothing new is typed.
_SECRET = frozenset({"url"})
_PREFIX = "setting-"
_WORDS = {
    "device": lazy_gettext("Device"),
    "index": lazy_gettext("Which of several cameras"),
    "sensor": lazy_gettext("Sensor"),
    "sensor_id": lazy_gettext("Which of several cameras"),
    "sensor_mode": lazy_gettext("Mode of the sensor"),
    "url": lazy_gettext("Address, with user and password where it asks for them"),
    "width_px": lazy_gettext("Width of a picture, pixels"),
    "height_px": lazy_gettext("Height of a picture, pixels"),
    "fps": lazy_gettext("Pictures a second"),
    "pixel_format": lazy_gettext("Format of a picture"),
    "flip": lazy_gettext("Turned or mirrored"),
    "white_balance": lazy_gettext("White balance"),
    "exposure_us": lazy_gettext("Exposure, microseconds"),
    "gain": lazy_gettext("Gain"),
    "connect_s": lazy_gettext("Seconds until it must answer"),
    "timeout_s": lazy_gettext("Seconds until a picture must come"),
    "um_per_px": lazy_gettext("Micrometres a pixel"),
}


def show() -> Response:
    """The form of the camera in use, or of the one that `camera` names, with what it sees."""
    current = device().live.current.camera
    name = request.args.get("camera", current.name)
    if name not in OFFERED and name != current.name:
        name = current.name
    return _page(name, shown_settings(current) if name == current.name else {})


def save() -> Response:
    """Opens the camera that was chosen, at once."""
    name = request.form.get("camera", NONE)
    given = {
        key.removeprefix(_PREFIX): value.strip()
        for key, value in request.form.items()
        if key.startswith(_PREFIX)
    }
    try:
        refuse_at_work()
        settings = _settings(name, given)
        changes: dict[str, object] = {"camera.name": name, "camera.settings": settings or None}
        save_config(changes, {"camera": name or "none"}, _take_up)
    except ClinicScopeError as error:
        return _page(name, {key: text for key, text in given.items() if key not in _SECRET}, error)
    return back("camera")


def _settings(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, in the types that the camera declares; what was left empty is its default.

    Of the camera in use, what the form does not show stays.
    """
    if name == NONE:
        return {}
    current = device().live.current.camera
    kept = dict(current.settings) if name == current.name else {}
    shown = {key for key, _ in setting_names(name)}
    texts = {key: text for key, text in given.items() if text}
    secrets = {key: str(kept[key]) for key in _SECRET & kept.keys() - texts.keys()}
    unseen = {key: value for key, value in kept.items() if key not in shown}
    # Read together: some settings are checked beside each other.
    return unseen | read_settings(name, texts | secrets)


def _take_up(config: DeviceConfig) -> None:
    context().service.use_camera(lambda: device_camera(config.camera))


def shown_settings(config: CameraConfig) -> dict[str, str]:
    """The settings of a camera as text, without what is secret."""
    return {key: _text(value) for key, value in config.settings.items() if key not in _SECRET}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def setting_names(name: str) -> list[tuple[str, str]]:
    """The settings that a camera takes as text, each with its default; the usual ones first."""
    kind = camera_class(name).settings_type if name in CAMERAS else None
    if kind is None:
        return []
    # None where not known, such as the size of a pixel.
    defaults = [(item.name, item.default) for item in fields(kind)]
    return [(key, "" if default is None else _text(default)) for key, default in defaults]


def _page(name: str, values: Mapping[str, str], error: ClinicScopeError | None = None) -> Response:
    return page(
        "camera.html",
        error,
        chosen=name,
        current=device().live.current.camera,
        offered=OFFERED,
        names=_names(name),
        words=_WORDS,
        secret=_SECRET,
        values=values,
        attached=attached_cameras(),
        camera=view_camera(context().service.camera),
    )


def _names(name: str) -> list[tuple[str, str]]:
    try:
        return setting_names(name)
    except CameraError:
        return []
