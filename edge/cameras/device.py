"""The device's own camera, as its config names it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from edge.cameras.base import Camera, open_camera
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.cameras.v4l2 import model_of
from edge.config import CameraConfig
from edge.contract.errors import CameraError


def device_camera(config: CameraConfig) -> SupervisedCamera | None:
    """Opens it in its own thread, and keeps it open; None where the config names none.

    Never raises for a camera that is absent or set wrongly: its status says so.
    """
    if not config.name:
        return None
    return SupervisedCamera(config.name, partial(_open, config), patience_of(config))


def patience_of(config: CameraConfig) -> Patience:
    """How long a specimen waits on this device."""
    return Patience(wait_s=config.wait_s, idle_s=config.idle_s)


def try_camera(config: CameraConfig, timeout_s: float = 15.0) -> str:
    """Opens the device's camera, takes one frame, closes it; says what came.

    Raises:
        CameraError: it cannot be opened, or gives no frame.
    """
    camera = SupervisedCamera(config.name, partial(_open, config))
    try:
        camera.wait_until_live(timeout_s)
        height_px, width_px = camera.capture(timeout_s).image.shape[:2]
    finally:
        camera.close()
    return f"{config.name} gives frames of {width_px} x {height_px} px"


def attached_cameras() -> dict[str, str]:
    """Video devices of this machine that take pictures, and what they call themselves."""
    found = {}
    for device in sorted(Path("/dev").glob("video*")):
        with suppress(CameraError):
            found[str(device)] = model_of(str(device))
    return found


def _open(config: CameraConfig) -> Camera:
    try:
        return open_camera(config.name, **config.settings)
    except TypeError as error:
        raise CameraError(f"settings of camera {config.name} do not fit: {error}") from error
