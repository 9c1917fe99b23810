"""Network cameras with the faults of real ones: HTTP and RTSP servers that misbehave."""

from __future__ import annotations

import base64
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.addresses import shown_address
from edge.cameras.base import Camera, open_camera
from edge.cameras.mjpeg import MAX_PART_BYTES
from edge.contract.errors import CameraError, ConfigError
from edge.contract.images import decode_image
from edge.contract.types import U8Array
from tests.support.appliance import free_port
from tests.support.mjpeg_server import MjpegServer
from tests.support.rtsp_server import rtsp_server

# A loaded machine may be late; a hang would take far longer.
SLACK_S = 2.5


def which(image: U8Array, jpegs: list[bytes]) -> int:
    """The number of the picture that a camera shows."""
    far = [float(np.abs(image.astype(int) - decode_image(data)).mean()) for data in jpegs]
    return int(np.argmin(far))


def changes(camera: Camera, jpegs: list[bytes]) -> bool:
    """Whether it shows another picture after a while."""
    first = which(camera.capture().image, jpegs)
    time.sleep(1.5)
    return which(camera.capture().image, jpegs) != first


def until_it_fails(server: MjpegServer, fault: str) -> tuple[CameraError, float]:
    """What a camera says of a stream that goes wrong, and after how many seconds."""
    with open_camera("network", url=server.url, timeout_s=0.8) as camera:
        camera.capture()
        server.fault = fault
        start = time.monotonic()
        with pytest.raises(CameraError) as caught:
            for _ in range(50):
                camera.capture()
        return caught.value, time.monotonic() - start


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("stall", "sent no whole picture for 0.8 s"),
        ("drop", "has ended its stream; is it switched off"),
        ("garbage", "sends pictures that cannot be read"),
        ("cut", "sends pictures that cannot be read .*truncated"),
        ("huge", "announces a picture of 100000000000 bytes"),
        ("endless", "without an end of the picture|sent no whole picture"),
        ("drip", "sent no whole picture for 0.8 s"),
    ],
)
def test_a_stream_that_goes_wrong_ends_in_time_with_its_reason(
    mjpeg: MjpegServer, fault: str, message: str
) -> None:
    mjpeg.with_length = fault != "endless"
    error, took_s = until_it_fails(mjpeg, fault)
    assert took_s < 0.8 + SLACK_S
    assert re.search(message, str(error)), str(error)


def test_one_damaged_picture_is_passed_over(mjpeg: MjpegServer, jpegs: list[bytes]) -> None:
    mjpeg.show_s = 0.05
    mjpeg.pictures = [jpegs[0], b"damaged"]
    with open_camera("network", url=mjpeg.url) as camera:
        for _ in range(5):
            assert which(camera.capture().image, jpegs) == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("redirect", "answers with 302"),
        ("page", "answers with text/html, not with an MJPEG stream"),
        ("mute", "does not answer .time-out"),
    ],
)
def test_what_is_no_stream_is_refused(mjpeg: MjpegServer, fault: str, message: str) -> None:
    mjpeg.fault = fault
    with pytest.raises(CameraError, match=message):
        open_camera("network", url=mjpeg.url, connect_s=0.5)


def test_nobody_at_the_address_is_said() -> None:
    port = free_port()
    with pytest.raises(CameraError, match=rf"127.0.0.1:{port}/x does not answer .*refused"):
        open_camera("network", url=f"http://127.0.0.1:{port}/x")
    with pytest.raises(CameraError, match="does not answer as an RTSP camera"):
        open_camera("network", url=f"rtsp://127.0.0.1:{port}/x", connect_s=1.0)


def test_user_and_password_are_sent_and_never_shown(mjpeg: MjpegServer) -> None:
    mjpeg.credentials = "Basic " + base64.b64encode(b"nurse:s@cret").decode()
    address = mjpeg.url.removeprefix("http://")
    with open_camera("network", url=f"http://nurse:s%40cret@{address}") as camera:
        camera.capture()
    with pytest.raises(CameraError, match="asks for user and password") as caught:
        open_camera("network", url=f"http://nurse:wr0ng@{address}")
    assert "wr0ng" not in str(caught.value) and "nurse" not in str(caught.value)


def test_the_newest_picture_is_taken_not_the_oldest_in_the_queue(
    mjpeg: MjpegServer, jpegs: list[bytes]
) -> None:
    mjpeg.pictures = jpegs[:1]
    with open_camera("network", url=mjpeg.url) as camera:
        assert which(camera.capture().image, jpegs) == 0
        # What is sent meanwhile lies in the queue.
        time.sleep(1.0)
        mjpeg.pictures = jpegs[1:2]
        time.sleep(0.5)
        # A loaded machine may be late by a few pictures, but not by the twenty of the queue.
        assert 1 in [which(camera.capture().image, jpegs) for _ in range(5)]


def test_rtsp_shows_the_present_and_ends_in_time_when_the_camera_hangs(
    tmp_path: Path, jpegs: list[bytes]
) -> None:
    """One server for all of it: it takes two seconds to start a stream."""
    with rtsp_server(tmp_path) as (url, process):
        with open_camera("network", url=url) as camera:
            for _ in range(10):
                camera.preview()
            # Once more, should the machine be so late that the pictures have come round again.
            assert any(changes(camera, jpegs) for _ in range(2))
            os.kill(process.pid, signal.SIGSTOP)
            start = time.monotonic()
            with pytest.raises(CameraError, match="sends no more pictures; check its power"):
                for _ in range(200):
                    camera.capture()
            assert time.monotonic() - start < 1.2 + SLACK_S
        os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.wait()
        with pytest.raises(CameraError, match="does not answer as an RTSP camera"):
            open_camera("network", url=url, connect_s=1.0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "url is not set"),
        ("camera", "is no camera's; it starts with http, https, rtsp, rtsps"),
        ("/dev/video0", "is no camera's"),
        ("file:///etc/passwd", "is no camera's"),
        ("concat:/etc/passwd|/etc/hosts", "characters that no URL has"),
        ("ftp://host/x", "is no camera's"),
        ("rtsp://", "names no host"),
        ("rtsp:///live", "names no host"),
        ("http://host:0/", "names no host"),
        ("http://host:99999/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://host/a b", "characters that no URL has"),
        ("http://host/\r\nHost: other", "characters that no URL has"),
        ("http://host/\x00", "characters that no URL has"),
        ('rtsp://host/" ! filesink location=/x', "characters that no URL has"),
        ("http://host/" + "a" * 2000, "has 2,012 characters"),
    ],
)
def test_hostile_and_mistyped_addresses_are_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_camera("network", url=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://u:p@host:554/live?token=1", "rtsp://host:554/live"),
        ("http://u:p/w@host/x", "http://host/x"),
        ("http://u:p@ss@host", "http://host"),
        ("secret", "..."),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, shown: str) -> None:
    assert shown_address(url) == shown


@pytest.mark.parametrize("setting", ["connect_s", "timeout_s"])
def test_time_outs_are_limited(setting: str) -> None:
    for value in (0.0, 61.0, float("nan")):
        with pytest.raises(ConfigError, match=f"{setting} is .*; give 0.1 to 60"):
            open_camera("network", url="http://host/", **{setting: value})


def test_the_largest_picture_is_that_of_a_large_sensor() -> None:
    assert 50e6 < MAX_PART_BYTES < 100e6
