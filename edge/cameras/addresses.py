"""Addresses of network cameras: which are taken, and how they are shown without their password."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from edge.contract.errors import ConfigError

PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
MOST_CHARACTERS = 2000
# RFC 3986's characters and no others: nothing that a shell, a header or a pipeline would read.
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def checked_address(url: str) -> SplitResult:
    """The parts of a camera's URL.

    Raises:
        ConfigError: no URL of a camera on the network; does not repeat a password.
    """
    if not url:
        raise ConfigError("url is not set; give the camera's address, such as rtsp://10.0.0.8/live")
    shown = shown_address(url)
    if len(url) > MOST_CHARACTERS:
        raise ConfigError(f"url has {len(url):,} characters; give at most {MOST_CHARACTERS:,}")
    if not _ALLOWED.fullmatch(url):
        raise ConfigError(
            f"url {shown!r} holds characters that no URL has; write them as %xx, a space as %20"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"url {shown!r} cannot be read: {error}") from error
    if parts.scheme not in PORTS:
        raise ConfigError(f"url {shown!r} is no camera's; it starts with {', '.join(PORTS)}")
    if not parts.hostname or port == 0:
        raise ConfigError(f"url {shown!r} names no host; write rtsp://HOST/PATH")
    return parts


def shown_address(url: str) -> str:
    """The URL without user, password and query, for messages, records and the page."""
    head, slashes, rest = url.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = place.partition("/")
    # An @ in the path belongs to a password that was not written as %40.
    if "@" in path:
        host, slash, path = place.rpartition("@")[2].partition("/")
    return f"{head}{slashes}{host.rpartition('@')[2]}{slash}{path}" if slashes else "..."
