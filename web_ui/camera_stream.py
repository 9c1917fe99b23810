"""What the camera sees as it moves: JPEG after JPEG in one answer, for a page's picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import BusyError
from web_ui.camera_picture import PreviewJpegs

BOUNDARY = "picture"
MIMETYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
# Each holds one of the server's threads; who comes later sees a picture after the other.
MOST_STREAMS = 4
# A page asks again: a session that has ended does not look on, and a slow network catches up.
LENGTH_S = 30.0
_WAIT_S = 1.0


class PreviewStreams:
    """The streams that are open now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0

    def begin(self) -> None:
        """Counts one more. Raises BusyError where there are as many as may be."""
        with self._lock:
            if self._open >= MOST_STREAMS:
                raise BusyError(f"{self._open} others watch the camera already; ask for pictures")
            self._open += 1

    def end(self) -> None:
        """Counts one less."""
        with self._lock:
            self._open -= 1

    def parts(
        self, camera: SupervisedCamera, jpegs: PreviewJpegs, length_s: float = LENGTH_S
    ) -> Iterator[bytes]:
        """The body of an answer; it ends with the camera, or after `length_s`."""
        # A browser shows a picture when it has seen the boundary behind it.
        yield f"--{BOUNDARY}\r\n".encode()
        number, end_s = 0, time.monotonic() + length_s
        while time.monotonic() < end_s:
            camera.desk.look()
            preview = camera.desk.next_preview(number, _WAIT_S)
            if preview is not None:
                number = preview.number
                yield _part(jpegs.encode(preview))
            elif not camera.status().live:
                return


def _part(jpeg: bytes) -> bytes:
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()
