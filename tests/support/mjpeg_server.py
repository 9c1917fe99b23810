"""A network camera over HTTP, with the faults that such cameras have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import encode_image

SMALL = SmearSettings(width_px=480, height_px=360, cells_per_field=15)
BOUNDARY = "frame"


def drawn_jpegs(count: int = 3, settings: SmearSettings = SMALL, seed: int = 4) -> list[bytes]:
    """Fields of one slide as a camera sends them."""
    fields = (draw_field(settings, seed, index).image for index in range(count))
    return [encode_image(image, ".jpg") for image in fields]


class MjpegServer(ThreadingHTTPServer):
    """Shows each of its pictures for `show_s`, then the next, round and round.

    Attributes:
        fault: what it does wrong from now on, see `_send_pictures`; empty for nothing.
        requests: how many streams were asked for.
        credentials: the header that a request must have; empty for none.
    """

    daemon_threads = True

    def __init__(self, pictures: Sequence[bytes], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pictures = list(pictures)
        self.fault = ""
        self.fps = 20.0
        self.show_s = 1.0
        self.with_length = True
        self.credentials = ""
        self.requests = 0
        self.started = time.monotonic()
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/stream"

    def picture(self) -> bytes:
        shown_s = time.monotonic() - self.started
        return self.pictures[int(shown_s / self.show_s) % len(self.pictures)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error here."""

    def stop(self) -> None:
        """Ends all streams and frees the port."""
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.credentials and self.headers.get("Authorization") != self.server.credentials:
            self.send_error(401)
        elif self.server.fault == "redirect":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.server.fault == "page":
            self._head("text/html")
        elif self.server.fault == "mute":
            self.server.stopped.wait(30)
        else:
            self._head(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self._send_pictures()

    def _head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def _send_pictures(self) -> None:
        while not self.server.stopped.is_set():
            fault = self.server.fault
            if fault == "stall":
                time.sleep(0.02)
                continue
            if fault == "drop":
                return
            self._send_part(fault)
            time.sleep(1 / self.server.fps)

    def _send_part(self, fault: str) -> None:
        data = self.server.picture()
        if fault == "garbage":
            data = b"\x00garbage\xff" * 200
        elif fault == "cut":
            data = data[: len(data) // 2]
        length = 10**11 if fault == "huge" else len(data)
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
        if self.server.with_length or fault == "huge":
            head += f"Content-Length: {length}\r\n"
        self.wfile.write(head.encode() + b"\r\n")
        if fault == "endless":
            while not self.server.stopped.is_set():
                self.wfile.write(b"x" * 1_000_000)
        if fault == "drip":
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        self.wfile.write(data + b"\r\n")


@contextmanager
def mjpeg_server(pictures: Sequence[bytes], port: int = 0) -> Iterator[MjpegServer]:
    """A server at work; give it the port of one that was stopped, to plug the camera in again."""
    server = MjpegServer(pictures, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(5)
