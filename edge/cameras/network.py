"""Cameras on the network: MJPEG over HTTP, and RTSP by OpenCV's FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from edge.cameras.addresses import checked_address, shown_address
from edge.cameras.mjpeg import MjpegSource
from edge.cameras.opencv_source import OpenCvSource, has_backend
from edge.cameras.settings import check_range, check_scale
from edge.cameras.stream import FrameSource, StreamCamera
from edge.contract.errors import CameraError


@dataclass(frozen=True)
class NetworkSettings:
    """A camera on the network.

    Attributes:
        url: http, https, rtsp or rtsps; may hold user and password, which are never shown.
        connect_s: how long it may take to answer.
        timeout_s: how long it may take for a picture.
        um_per_px: micrometres a pixel of a frame, where known.

    Raises:
        ConfigError: a value out of range, or no URL of a camera.
    """

    url: str = ""
    connect_s: float = 5.0
    timeout_s: float = 1.2
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        checked_address(self.url)
        check_range("connect_s", self.connect_s, 0.1, 60)
        check_range("timeout_s", self.timeout_s, 0.1, 60)
        check_scale(self.um_per_px)


class NetworkCamera(StreamCamera):
    """A camera by its URL.

    Raises:
        CameraError: it does not answer, or not with a stream.
    """

    name = "network"
    settings_type = NetworkSettings

    def __init__(self, settings: NetworkSettings) -> None:
        # The driver's own time-out comes first, with its reason.
        self.stall_s = settings.timeout_s + 0.3
        super().__init__(_open(settings), settings.um_per_px)


def _open(settings: NetworkSettings) -> FrameSource:
    address = checked_address(settings.url)
    if address.scheme.startswith("http"):
        return MjpegSource(address, settings.connect_s, settings.timeout_s)
    if not has_backend(cv2.CAP_FFMPEG):
        raise CameraError("this OpenCV has no FFmpeg, which RTSP needs; install it from pip")
    shown = shown_address(settings.url)
    params = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: round(settings.connect_s * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: round(settings.timeout_s * 1000),
    }
    return OpenCvSource(
        settings.url,
        cv2.CAP_FFMPEG,
        params,
        lambda: CameraError(
            f"{shown} does not answer as an RTSP camera; check its power, its address, user and "
            "password, and the network"
        ),
        f"{shown} sends no more pictures; check its power and the network",
        has_stamps=True,
    )
