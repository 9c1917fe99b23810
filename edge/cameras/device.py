"""The device's own camera, as its config names it."""

from __future__ import annotations

from functools import partial

from edge.cameras.base import Camera, open_camera
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
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


def _open(config: CameraConfig) -> Camera:
    try:
        return open_camera(config.name, **config.settings)
    except TypeError as error:
        raise CameraError(f"settings of camera {config.name} do not fit: {error}") from error
