"""USB microscopes and other Video4Linux devices, by OpenCV.

A USB camera that is plugged in again may get another number: name it by its path in
/dev/v4l/by-id, which stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2

from edge.cameras.opencv_source import OpenCvSource
from edge.cameras.settings import check_choice, check_range, check_scale, check_size
from edge.cameras.stream import StreamCamera
from edge.contract.errors import CameraError, ConfigError

FORMATS = ("auto", "MJPG", "YUYV")
# VIDIOC_QUERYCAP and struct v4l2_capability, of linux/videodev2.h.
_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("16s32s32sIII12x")
_CAN_CAPTURE, _HAS_DEVICE_CAPS = 0x00000001, 0x80000000
# V4L2_CID_EXPOSURE_AUTO: 1 is manual, 3 is what cameras for the desk call automatic.
_MANUAL, _AUTOMATIC = 1, 3
_HELD = {
    "exposure": (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL, _AUTOMATIC),
    "white_balance": (cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB, 0, 1),
}


@dataclass(frozen=True)
class V4l2Settings:
    """A Video4Linux camera.

    Attributes:
        device: its node below /dev.
        width_px: of a frame; 0 takes what the camera offers first.
        height_px: as above.
        fps: frames a second; 0 leaves it to the camera.
        pixel_format: MJPG lets USB 2 carry large frames, YUYV has no JPEG losses; "auto" leaves it.
        um_per_px: micrometres a pixel of a frame, where known.

    Raises:
        ConfigError: a value out of range, or a device that is not below /dev.
    """

    device: str = "/dev/video0"
    width_px: int = 0
    height_px: int = 0
    fps: float = 0
    pixel_format: str = "auto"
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        check_size(self.width_px, self.height_px)
        check_range("fps", self.fps, 0, 240)
        check_choice("pixel_format", self.pixel_format, FORMATS)
        check_scale(self.um_per_px)
        path = os.path.normpath(self.device)
        if not path.startswith("/dev/") or "\0" in path:
            raise ConfigError(f"device is {self.device!r}; give a node such as /dev/video0")

    def params(self) -> dict[int, int]:
        """What the device is asked for at opening; the format first, as the sizes depend on it."""
        wanted = {
            cv2.CAP_PROP_FRAME_WIDTH: self.width_px,
            cv2.CAP_PROP_FRAME_HEIGHT: self.height_px,
            cv2.CAP_PROP_FPS: round(self.fps),
        }
        chosen = {prop: value for prop, value in wanted.items() if value}
        if self.pixel_format == "auto":
            return chosen
        return {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*self.pixel_format)} | chosen


class V4l2Camera(StreamCamera):
    """A camera of the system's video devices.

    Raises:
        CameraError: the device is absent, busy, or takes no pictures.
    """

    name = "v4l2"
    settings_type = V4l2Settings

    def __init__(self, settings: V4l2Settings | None = None) -> None:
        settings = settings or V4l2Settings()
        self.model = model_of(settings.device)
        self._v4l2 = OpenCvSource(
            settings.device,
            cv2.CAP_V4L2,
            settings.params(),
            lambda: _refused(settings),
            f"{self.model} at {settings.device} gives no pictures; is it unplugged?",
        )
        super().__init__(self._v4l2, settings.um_per_px)
        try:
            self._check_size(settings)
        except CameraError:
            self.close()
            raise
        self.has_autofocus = self._v4l2.get(cv2.CAP_PROP_AUTOFOCUS) > 0

    def _check_size(self, settings: V4l2Settings) -> None:
        """A camera that lacks a size silently takes another: the field would have another scale."""
        got = tuple(
            round(self._v4l2.get(prop))
            for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        wanted = (settings.width_px, settings.height_px)
        if any(wanted) and got != wanted:
            raise CameraError(
                f"{self.model} has no frames of {wanted[0]} x {wanted[1]} px, it offers "
                f"{got[0]} x {got[1]}; `v4l2-ctl --list-formats-ext` lists what it has"
            )

    def focus(self) -> bool:
        """Such cameras focus by themselves all the time; there is nothing to start."""
        return self.has_autofocus

    def hold(self, values: Mapping[str, float] | None = None) -> Mapping[str, float]:
        """Takes exposure and white balance into manual mode, where the camera has them."""
        held = {}
        for what, (value_prop, mode_prop, manual, _) in _HELD.items():
            value = (values or {}).get(what, self._v4l2.get(value_prop))
            if self._v4l2.set(mode_prop, manual) and self._v4l2.set(value_prop, value):
                held[what] = value
        return held

    def release(self) -> None:
        """Back to automatic."""
        for _, mode_prop, _, automatic in _HELD.values():
            self._v4l2.set(mode_prop, automatic)


def model_of(device: str) -> str:
    """The name that a device gives itself.

    Raises:
        CameraError: it is absent, may not be opened, or takes no pictures.
    """
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise CameraError(_why_not_opened(device, error)) from error
    try:
        if not stat.S_ISCHR(os.fstat(handle).st_mode):
            raise CameraError(f"{device} is no device; give a node such as /dev/video0")
        answer = fcntl.ioctl(handle, _QUERYCAP, bytes(_CAPABILITY.size))
    except OSError as error:
        raise CameraError(
            f"{device} is no camera ({error.strerror}); give a node such as /dev/video0{_found()}"
        ) from error
    finally:
        os.close(handle)
    return _read_capability(device, answer)


def _read_capability(device: str, answer: bytes) -> str:
    _, card, _, _, caps, device_caps = _CAPABILITY.unpack(answer)
    able = device_caps if caps & _HAS_DEVICE_CAPS else caps
    model = str(card.split(b"\0")[0].decode("utf-8", "replace"))
    if not able & _CAN_CAPTURE:
        raise CameraError(
            f"{device} of {model} takes no pictures (many cameras have a second node for other "
            f"data); give its first node{_found()}"
        )
    return model


def _why_not_opened(device: str, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"no camera at {device}; plug it in, or set another device{_found()}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{device} may not be opened; add this user to the group `video`"
    return f"{device} cannot be opened: {error.strerror}"


def _found() -> str:
    by_id = sorted(Path("/dev/v4l/by-id").glob("*")) or sorted(Path("/dev").glob("video*"))
    return f"; found: {', '.join(map(str, by_id))}" if by_id else ""


def _refused(settings: V4l2Settings) -> CameraError:
    return CameraError(
        f"{settings.device} does not start; another program may use it, or it has no "
        f"{settings.pixel_format} frames of the size asked for"
    )
