"""In place of pykms, the bindings of a Pi's display, which Debian has not: picamera2 imports them
for a preview on that display, and nothing is shown on one here."""

from __future__ import annotations


class _Formats(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_Formats):
    """Any format, by its name."""
