"""TLS for the page: waitress speaks none, so its channels are taught it here.

A channel of waitress owns one connection and never waits for it, and neither does TLS here: what
is not there yet is asked for again when the socket is ready. docs/adr/0022 says why not a server
before this one.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

# A whole request's head, or a handshake: a slow phone on a bad network takes a few seconds.
LATE_S = 20.0
# Of one write: a larger one would keep a worker at encrypting while others wait for the lock.
_CHUNK_BYTES = 64 * 1024
# Begins every TLS handshake (RFC 8446, section 5.1); no HTTP request begins so.
_HANDSHAKE = b"\x16"
_PLAIN_REQUEST = re.compile(
    rb"(?:GET|HEAD) (?P<path>/[!-~]{0,1000}) HTTP/1\.[01]\r\n"
    rb"(?:[^\r\n]*\r\n)*?[Hh]ost: *(?P<host>[A-Za-z0-9.:\[\]-]{1,255})\r\n"
)
_WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


def server_context(path: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with the key and certificate of a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(path)
    return context


class PatientChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that may be slow, but not for ever: a head that drips in is given up."""

    socket: Any
    _waits_since: float | None = None

    def __init__(self, *args: Any, parser: Any = HTTPRequestParser, **named: Any) -> None:
        self.parser_class = parser
        super().__init__(*args, **named)

    def readable(self) -> bool:
        """Whether more is wanted of the client; asked by the server's loop every second."""
        if not self._waits_for_head():
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = time.monotonic()
        elif time.monotonic() - self._waits_since > LATE_S:
            self.will_close = True
        return bool(super().readable())

    def _waits_for_head(self) -> bool:
        return self.request is not None and not self.request.headers_finished


class TlsChannel(PatientChannel):
    """The same through TLS. A plain request is told the address that begins with https."""

    def __init__(self, *args: Any, tls: ssl.SSLContext, **named: Any) -> None:
        self._tls = tls
        self._agreed = False
        # A worker writes while the server's loop reads, and OpenSSL takes one of them at a time.
        self._using = threading.Lock()
        super().__init__(*args, **named)

    def handle_read(self) -> None:
        """Takes what came, after the handshake."""
        try:
            if not self._agreed and not self._agree():
                return
            with self._using:
                data = self.socket.recv(self.adj.recv_bytes)
        except _WAITS:
            return
        except (OSError, ValueError):
            self.handle_close()
            return
        if data:
            self.last_activity = time.time()
            self.received(data)
        else:
            self.handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Sends a part of the data; says how much, 0 where the client must take some first."""
        try:
            with self._using:
                return int(self.socket.send(memoryview(data)[:_CHUNK_BYTES]))
        except _WAITS:
            return 0
        except (OSError, ValueError):
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        """Says goodbye, so that the client knows that nothing was cut off."""
        if self._agreed and self.socket is not None:
            with suppress(OSError, ValueError), self._using:
                self.socket.unwrap()
        super().handle_close()

    def _waits_for_head(self) -> bool:
        return not self._agreed or super()._waits_for_head()

    def _agree(self) -> bool:
        """Goes on with the handshake; whether it is done. What it waits for it raises."""
        if not isinstance(self.socket, ssl.SSLSocket):
            first = self.socket.recv(1, socket.MSG_PEEK)
            if first != _HANDSHAKE:
                self._answer_plain()
                return False
            self.socket = self._tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        # Its answers fit into the empty buffer of a new connection, so it waits for reads alone.
        self.socket.do_handshake()
        self._agreed = True
        return True

    def _answer_plain(self) -> None:
        """Shows a browser the right address. Not for good: TLS may be switched off again."""
        head = self.socket.recv(8192)
        asked = _PLAIN_REQUEST.match(head)
        if asked:
            address = b"https://" + asked["host"] + asked["path"]
            answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + address + b"\r\n"
        else:
            answer = b"HTTP/1.1 400 Bad Request\r\n"
        rest = b"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        if head:
            self.socket.send(answer + rest)
        self.handle_close()
