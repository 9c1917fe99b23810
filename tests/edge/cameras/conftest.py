"""Cameras that a test needs from outside: a network camera at work, a camera on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.mjpeg_server import MjpegServer, drawn_jpegs, mjpeg_server

# The camera of a device, as `camera:NAME?key=value`, for tests that are marked `hardware`.
VARIABLE = "CLINICSCOPE_CAMERA"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"hardware: needs a device; {VARIABLE} names its camera")


@pytest.fixture(scope="session")
def jpegs() -> list[bytes]:
    """Three fields of a slide."""
    return drawn_jpegs()


@pytest.fixture
def mjpeg(jpegs: list[bytes]) -> Iterator[MjpegServer]:
    with mjpeg_server(jpegs) as server:
        yield server


@pytest.fixture
def attached() -> str:
    """The source that names the attached camera."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} is not set: no camera is attached")
    return named
