"""USB cameras without one attached: settings, and why what is there cannot be used."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import pytest

from edge.cameras.base import open_camera
from edge.cameras.v4l2 import V4l2Settings, _read_capability
from edge.contract.errors import CameraError, ConfigError


def test_an_absent_device_is_said_with_what_to_do() -> None:
    with pytest.raises(CameraError, match=r"no camera at /dev/video63; plug it in, or set another"):
        open_camera("v4l2", device="/dev/video63")


def test_a_node_that_is_no_camera_is_said() -> None:
    with pytest.raises(CameraError, match=r"/dev/null is no camera .*; give a node such as"):
        open_camera("v4l2", device="/dev/null")


def test_a_file_below_dev_is_no_device() -> None:
    path = Path("/dev/shm/clinicscope-no-camera")
    path.write_bytes(b"")
    try:
        with pytest.raises(CameraError, match="is no device"):
            open_camera("v4l2", device=str(path))
    finally:
        path.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a node without a device")
def test_a_node_whose_device_has_gone_is_an_absent_camera(tmp_path: Path) -> None:
    """As the kernel leaves it between unplugging and the removal of the node."""
    path = Path("/dev/shm/clinicscope-gone")
    os.mknod(path, 0o600 | 0o020000, os.makedev(81, 63))
    try:
        with pytest.raises(CameraError, match=r"no camera at|may not be opened"):
            open_camera("v4l2", device=str(path))
    finally:
        path.unlink()


def capability(caps: int, device_caps: int) -> bytes:
    text = (b"uvcvideo", b"USB Microscope", b"usb-1")
    return struct.pack("16s32s32sIII12x", *text, 0x060101, caps, device_caps)


def test_a_camera_gives_its_name_and_its_second_node_is_refused() -> None:
    assert _read_capability("/dev/video0", capability(0x84A00001, 0x04200001)) == "USB Microscope"
    with pytest.raises(CameraError, match="/dev/video1 of USB Microscope takes no pictures"):
        _read_capability("/dev/video1", capability(0x84A00001, 0x04A00000))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "video0"}, "device is 'video0'; give a node such as /dev/video0"),
        ({"device": "/dev/../etc/passwd"}, "give a node such as /dev/video0"),
        ({"device": "http://host/"}, "give a node such as /dev/video0"),
        ({"width_px": 640}, "give both, or neither"),
        ({"width_px": -1, "height_px": 5}, "width_px is -1; give 0 to 20000"),
        ({"fps": 1000.0}, "fps is 1000.0; give 0 to 240"),
        ({"pixel_format": "H264"}, "pixel_format is 'H264'; give one of auto, MJPG, YUYV"),
        ({"um_per_px": 0.0}, "um_per_px is 0.0; give 0.001 to 10"),
        ({"width_px": "640"}, "width_px is '640'; expected int"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_camera("v4l2", **settings)


def test_the_format_is_asked_for_before_the_size() -> None:
    asked = V4l2Settings(width_px=1920, height_px=1080, fps=15, pixel_format="MJPG").params()
    assert list(asked) == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]
    assert V4l2Settings().params() == {}
