"""What goes to picamera2 and comes from it: sizes, colours, what a camera is held at. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge.cameras.base import PREVIEW_SIDE_PX
from edge.cameras.settings import check_range, check_scale, check_size
from edge.contract.errors import CameraError
from edge.contract.types import U8Array

# How each of libcamera's formats lies in memory. Its names go by the bytes of a number, the lowest
# first: what it calls RGB888 is blue, green, red.
_TO_RGB: Mapping[str, int | None] = {
    "BGR888": None,
    "RGB888": cv2.COLOR_BGR2RGB,
    "XBGR8888": cv2.COLOR_RGBA2RGB,
    "XRGB8888": cv2.COLOR_BGRA2RGB,
    "YUV420": cv2.COLOR_YUV2RGB_I420,
}
_HELD = ("ExposureTime", "AnalogueGain", "RedGain", "BlueGain")


@dataclass(frozen=True)
class PiSettings:
    """A camera of a Raspberry Pi.

    Attributes:
        index: which of several cameras.
        width_px: of a frame: a mode of the sensor; 0 takes the largest.
        height_px: as above.
        um_per_px: micrometres a pixel of a frame, where known.

    Raises:
        ConfigError: a value out of range.
    """

    index: int = 0
    width_px: int = 0
    height_px: int = 0
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        check_range("index", self.index, 0, 15)
        check_size(self.width_px, self.height_px)
        check_scale(self.um_per_px)


def choose_size(modes: Sequence[Mapping[str, Any]], settings: PiSettings) -> tuple[int, int]:
    """The sensor's mode: the one asked for, else its largest.

    Args:
        modes: picamera2's `sensor_modes`.

    Raises:
        CameraError: the sensor has no such mode; names those that it has.
    """
    sizes = sorted({tuple(mode["size"]) for mode in modes if "size" in mode})
    wanted = (settings.width_px, settings.height_px)
    if wanted in sizes:
        return wanted
    if not sizes or any(wanted):
        known = ", ".join(f"{width} x {height}" for width, height in sizes) or "none"
        raise CameraError(f"the sensor has no mode of {wanted[0]} x {wanted[1]} px; it has {known}")
    return max(sizes, key=lambda size: size[0] * size[1])


def preview_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the small picture: even, as its colours are stored for two pixels."""
    scale = min(1.0, PREVIEW_SIDE_PX / max(size))
    width, height = (2 * max(1, round(side * scale / 2)) for side in size)
    return width, height


def to_rgb(array: U8Array, pixel_format: str, size: tuple[int, int]) -> U8Array:
    """picamera2's array as (H,W,3) uint8 RGB, without padding.

    Args:
        array: as `make_array` gives it; YUV420 is (H*3/2, stride).
        pixel_format: libcamera's name of it.
        size: width and height in px.

    Raises:
        CameraError: a format that is not known here.
    """
    if pixel_format not in _TO_RGB:
        raise CameraError(f"the camera gives {pixel_format}; known: {', '.join(_TO_RGB)}")
    code = _TO_RGB[pixel_format]
    image = array if code is None else cv2.cvtColor(array, code)
    return np.ascontiguousarray(image[: size[1], : size[0]], np.uint8)


def held_values(metadata: Mapping[str, Any]) -> dict[str, float]:
    """What a frame was taken with, as plain numbers."""
    red, blue = metadata.get("ColourGains", (None, None))
    numbers = {**metadata, "RedGain": red, "BlueGain": blue}
    return {key: float(numbers[key]) for key in _HELD if numbers.get(key) is not None}


def held_controls(values: Mapping[str, float]) -> dict[str, Any]:
    """picamera2's controls that keep a camera at these values."""
    controls: dict[str, Any] = {"AeEnable": False, "AwbEnable": False}
    if "ExposureTime" in values:
        controls["ExposureTime"] = round(values["ExposureTime"])
    if "AnalogueGain" in values:
        controls["AnalogueGain"] = values["AnalogueGain"]
    if {"RedGain", "BlueGain"} <= set(values):
        controls["ColourGains"] = (values["RedGain"], values["BlueGain"])
    return controls
