"""The page on a port, by waitress: pure Python, as good on a Pi as on a workstation."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Flask
from waitress import create_server
from waitress.server import BaseWSGIServer, MultiSocketServer

from web_ui.senders import MOST_SWALLOWED_BYTES, parser_for
from web_ui.tls import PatientChannel, TlsChannel

# One for each page that is made, and one for each camera preview that is watched.
THREADS = 12
# Fifty phones with the six connections that a browser opens, and some to spare.
CONNECTIONS = 400
# One client alone must not take them all; the device itself may.
CONNECTIONS_OF_ADDRESS = 60
# More than a TLS record holds (16 KiB): of a record that is read, nothing stays behind unseen.
_RECEIVED_BYTES = 64 * 1024
_LOOPBACK = ("127.0.0.1", "::1")


def serve(
    app: Flask,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serves until the process is asked to end.

    A body over the app's limit is never written to the disk.

    Args:
        app: the page.
        host: address to listen on.
        port: of it.
        tls: None serves plainly.
        on_listening: called once whoever asks is answered.

    Raises:
        OSError: host or port cannot be had.
    """
    server = make_server(app, host, port, tls)
    on_listening()
    server.run()


def make_server(app: Flask, host: str, port: int, tls: ssl.SSLContext | None = None) -> Any:
    """What `serve` runs; it listens already. Raises OSError."""
    # A page full of pictures queues by design; that is no warning.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        app,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        max_request_body_size=MOST_SWALLOWED_BYTES,
        connection_limit=CONNECTIONS,
        recv_bytes=_RECEIVED_BYTES,
        # select() knows only the first 1024 files of a process.
        asyncore_use_poll=True,
        url_scheme="https" if tls else "http",
    )
    parser = parser_for(app)
    channel = partial(TlsChannel, tls=tls) if tls else PatientChannel
    for listener in _listeners(server):
        listener.channel_class = partial(_accept, partial(channel, parser=parser))
    return server


def _listeners(server: Any) -> Iterator[BaseWSGIServer]:
    """A host may have several addresses."""
    found = server.map.values() if isinstance(server, MultiSocketServer) else [server]
    yield from (one for one in found if isinstance(one, BaseWSGIServer))


def _accept(channel: Any, server: Any, sock: Any, addr: Any, adj: Any, **named: Any) -> None:
    """Gives a new connection its channel, unless its address has too many."""
    held = sum(one.addr[0] == addr[0] for one in list(server.active_channels.values()))
    if held >= CONNECTIONS_OF_ADDRESS and addr[0] not in _LOOPBACK:
        sock.close()
    else:
        channel(server, sock, addr, adj, **named)
