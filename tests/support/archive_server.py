"""A web server on this machine that serves one file, with the faults that real ones have."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ArchiveServer(ThreadingHTTPServer):
    """Serves `content` at every path but /missing.

    Attributes:
        cut_after: bytes after which the connection breaks, one entry a request; then it holds.
        busy: number of requests that are answered 503.
        ranges: False ignores Range, as some servers do.
        etag: changes when the file does.
        asked: the Range headers that came.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.cut_after: list[int] = []
        self.busy = 0
        self.ranges = True
        self.etag = '"one"'
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/archive.zip"


class _Handler(BaseHTTPRequestHandler):
    server: ArchiveServer

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range", ""))
        if self.path == "/missing":
            self.send_error(404, "Not Found")
            return
        if server.busy:
            server.busy -= 1
            self.send_error(503, "Service Unavailable")
            return
        start = self._start()
        if start >= len(server.content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut_after.pop(0)] if server.cut_after else body)

    def _start(self) -> int:
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        changed = self.headers.get("If-Range", self.server.etag) != self.server.etag
        return int(found.group(1)) if found and self.server.ranges and not changed else 0

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def serve(content: bytes) -> Iterator[ArchiveServer]:
    """The server, running until the block ends."""
    with ArchiveServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
