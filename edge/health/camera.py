"""The device's camera: that it can be opened, and that its pictures go on coming."""

from __future__ import annotations

from edge.cameras.device import attached_cameras, try_camera
from edge.cameras.status import STUCK, CameraStatus
from edge.config import DeviceConfig
from edge.contract.errors import CameraError, EndOfSourceError
from edge.health.check import FAILED, OK, WARNING, Check


def check_camera(config: DeviceConfig) -> Check:
    """The device's camera gives frames; a device need not have one."""
    if not config.camera.name:
        found = [f"{device} ({model})" for device, model in attached_cameras().items()]
        return Check("camera", OK, f"none is set in config.toml; USB: {', '.join(found) or 'none'}")
    try:
        return Check("camera", OK, try_camera(config.camera))
    except (CameraError, EndOfSourceError) as error:
        advice = "while the appliance runs, its page shows the camera; else see docs/cameras.md"
        return Check("camera", WARNING, f"{config.camera.name}: {error}", advice)


def check_heartbeat(status: CameraStatus) -> Check:
    """The same while the appliance runs and has the camera itself."""
    if status.live:
        age = "" if status.frame_age_s is None else f"; last picture {status.frame_age_s:.1f} s ago"
        return Check("camera", OK, f"{status.camera}: {status.words.title}{age}")
    state = FAILED if status.state == STUCK else WARNING
    detail = f"{status.camera}: {status.problem or status.words.title}"
    return Check("camera", state, detail, status.words.advice)
