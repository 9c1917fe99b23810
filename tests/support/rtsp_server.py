"""Starts and ends the RTSP camera of `rtsp_camera.py`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.appliance import free_port
from tests.support.mjpeg_server import drawn_jpegs

# The one that Debian's packages install their modules for.
SYSTEM_PYTHON = "/usr/bin/python3"


@contextmanager
def rtsp_server(
    folder: Path, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its URL and its process."""
    port = port or free_port()
    for index, data in enumerate(drawn_jpegs()):
        (folder / f"{index}.jpg").write_bytes(data)
    script = Path(__file__).with_name("rtsp_camera.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script), str(port), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            said = process.communicate(timeout=10)[1]
            raise AssertionError(f"no RTSP server ({said}); run `make rtsp`")
        yield f"rtsp://127.0.0.1:{port}/live", process
    finally:
        process.kill()
        process.communicate()
