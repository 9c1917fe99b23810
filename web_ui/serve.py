"""The page on a port, by waitress: pure Python, as good on a Pi as on a workstation."""

from __future__ import annotations

import logging

from flask import Flask
from waitress import serve as waitress_serve

THREADS = 6
# Where an app sets no limit, as the fallback page, which reads no body at all.
_SMALL_BODY_BYTES = 1024 * 1024


def serve(app: Flask, host: str, port: int) -> None:
    """Serves until the process is asked to end.

    A body over the app's limit is refused before it is written to the disk.

    Raises:
        OSError: host or port cannot be had.
    """
    # A page full of pictures queues by design; that is no warning.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    limit = app.config["MAX_CONTENT_LENGTH"] or _SMALL_BODY_BYTES
    waitress_serve(
        app, host=host, port=port, threads=THREADS, ident=None, max_request_body_size=limit
    )
