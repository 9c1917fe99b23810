"""What goes to picamera2 and comes from it; the package itself is tried by another script."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.cameras.base import open_camera
from edge.cameras.picamera2_formats import (
    PiSettings,
    choose_size,
    held_controls,
    held_values,
    preview_size,
    to_rgb,
)
from edge.contract.errors import CameraError, ConfigError
from edge.contract.types import U8Array

MODES = [{"size": (1332, 990)}, {"size": (2028, 1520)}, {"size": (4056, 3040)}, {"format": "MJPEG"}]


def picture() -> U8Array:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = (200, 40, 60)
    image[:, 32:] = (30, 90, 180)
    return image


@pytest.mark.parametrize(
    ("pixel_format", "code"),
    [
        ("BGR888", None),
        ("RGB888", cv2.COLOR_RGB2BGR),
        ("XBGR8888", cv2.COLOR_RGB2RGBA),
        ("XRGB8888", cv2.COLOR_RGB2BGRA),
    ],
)
def test_libcameras_names_are_not_the_order_in_memory(pixel_format: str, code: int | None) -> None:
    stored = picture() if code is None else cv2.cvtColor(picture(), code)
    assert np.array_equal(to_rgb(stored, pixel_format, (64, 48)), picture())


def test_yuv420_loses_its_padding_and_keeps_its_colours() -> None:
    padded = cv2.copyMakeBorder(picture(), 0, 0, 0, 16, cv2.BORDER_CONSTANT)
    stored = cv2.cvtColor(padded, cv2.COLOR_RGB2YUV_I420)
    image = to_rgb(stored, "YUV420", (64, 48))
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - picture()).mean() < 4


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(CameraError, match="gives NV12; known: BGR888"):
        to_rgb(picture(), "NV12", (64, 48))


def test_the_largest_mode_is_taken_unless_another_is_asked_for() -> None:
    assert choose_size(MODES, PiSettings()) == (4056, 3040)
    assert choose_size(MODES, PiSettings(width_px=1332, height_px=990)) == (1332, 990)
    with pytest.raises(CameraError, match="no mode of 640 x 480 px; it has 1332 x 990, 2028"):
        choose_size(MODES, PiSettings(width_px=640, height_px=480))
    with pytest.raises(CameraError, match="it has none"):
        choose_size([{"format": "MJPEG"}], PiSettings())


@pytest.mark.parametrize("size", [(4056, 3040), (2304, 1296), (320, 240), (3, 3)])
def test_the_preview_is_even_and_small(size: tuple[int, int]) -> None:
    width, height = preview_size(size)
    assert width % 2 == height % 2 == 0 and max(width, height) <= 640
    if min(size) > 100:
        assert width / height == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_camera_is_held_at_what_its_frame_was_taken_with() -> None:
    metadata = {"ExposureTime": 12003, "AnalogueGain": 1.5, "ColourGains": (2.1, 1.7), "Lux": 400}
    held = held_values(metadata)
    assert held == {
        "ExposureTime": 12003.0,
        "AnalogueGain": 1.5,
        "RedGain": 2.1,
        "BlueGain": 1.7,
    }
    assert held_controls(held) == {
        "AeEnable": False,
        "AwbEnable": False,
        "ExposureTime": 12003,
        "AnalogueGain": 1.5,
        "ColourGains": (2.1, 1.7),
    }
    assert held_controls(held_values({})) == {"AeEnable": False, "AwbEnable": False}


def test_a_machine_without_picamera2_is_told_what_to_install() -> None:
    with pytest.raises(
        CameraError, match=r"cannot be imported .*python3-picamera2.*clinicscope\[pi"
    ):
        open_camera("picamera2")
    with pytest.raises(ConfigError, match="index is 16; give 0 to 15"):
        open_camera("picamera2", index=16)
