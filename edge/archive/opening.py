"""Which archive a text names."""

from __future__ import annotations

from edge.archive.simulated import PREFIX, SimulatedSource
from edge.archive.sources import FolderSource, Source


def open_source(text: str) -> Source:
    """The archive of a folder, a URL, or `simulated:...`; nothing is read yet.

    Raises:
        ConfigError: a setting that does not fit, or a URL of an unknown kind.
    """
    return SimulatedSource(text) if text.startswith(PREFIX) else FolderSource(text)
