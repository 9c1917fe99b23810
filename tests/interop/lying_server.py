"""A small HTTP server that answers as a test says: with failures, silence and lies.

Beside its lies it can be a DHIS2 that keeps what it was sent, as its documented answers are; the
real one (Java and PostgreSQL) is too large for a test.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer; `silent_s` before it, `drip` sends it a byte at a time, `cut` ends it early."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    silent_s: float = 0.0
    drip: bool = False
    cut: bool = False


Answerer = Callable[[Asked], Reply]


@dataclass
class Server:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    answer: Answerer = lambda _: Reply(500)


@contextmanager
def serve(answer: Answerer) -> Iterator[Server]:
    """A server on a free port of this machine."""
    server = Server("", answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, self.rfile.read(length), dict(self.headers))
            server.asked.append(asked)
            with suppress(OSError):  # the program has hung up
                _send(self, server.answer(asked))

        do_GET = do_POST = do_PUT = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    time.sleep(reply.silent_s)
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if reply.drip:
        for number in range(len(body)):
            handler.wfile.write(body[number : number + 1])
            handler.wfile.flush()
            time.sleep(0.3)
    else:
        handler.wfile.write(body[: len(body) // 2] if reply.cut else body)


class Dhis2:
    """Keeps values and events by what identifies them, as DHIS2 does."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], str] = {}
        self.events: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Reply:
        content = json.loads(asked.body)
        if asked.path.startswith("/api/tracker?"):
            return self._take_events(content["events"])
        counts = {"imported": 0, "updated": 0, "ignored": 0, "deleted": 0}
        for value in content["dataValues"]:
            names = ("dataElement", "orgUnit", "period", "categoryOptionCombo")
            key = tuple(value[name] for name in names)
            counts["updated" if key in self.values else "imported"] += 1
            self.values[key] = value["value"]
        summary = {"status": "SUCCESS", "importCount": counts, "conflicts": []}
        return Reply(200, {"status": "OK", "httpStatusCode": 200, "response": summary})

    def _take_events(self, events: list[dict[str, Any]]) -> Reply:
        stats = {"created": 0, "updated": 0, "ignored": 0, "deleted": 0}
        for event in events:
            stats["updated" if event["event"] in self.events else "created"] += 1
            self.events[event["event"]] = event
        reports = [{"uid": event["event"], "errorReports": []} for event in events]
        report = {"typeReportMap": {"EVENT": {"objectReports": reports}}}
        return Reply(200, {"status": "OK", "stats": stats, "bundleReport": report})
