"""A folder that every machine of a work is to see: a mark in it tells whether one does.

A folder of the same name on another machine's own disk would take what is written and show nobody.
"""

from __future__ import annotations

import platform
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, DataError

MARK_FILE = "shared-mark"
# A network file system may show a new file seconds later elsewhere.
PATIENCE_S = 5.0


@dataclass(frozen=True)
class SharedFolder:
    """The folder, absolute, and what its mark says."""

    path: Path
    mark: str

    def check(self, patience_s: float = PATIENCE_S) -> None:
        """Raises ConfigError where this machine does not see the marked folder."""
        deadline = time.monotonic() + patience_s
        while _read(self.path) != self.mark:
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"{platform.node()} does not see {self.path} as the machine that gives the "
                    "work does; give an --out on storage that all nodes share under one path"
                )
            time.sleep(0.2)


def share_folder(folder: Path) -> SharedFolder:
    """Makes the folder and marks it; a mark that is there stays.

    Raises:
        DataError: it cannot be written.
    """
    path = folder.resolve()
    if not _read(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
            partial = path / f"{MARK_FILE}.part"
            partial.write_text(uuid.uuid4().hex)
            partial.replace(path / MARK_FILE)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error}; free some space") from error
    return SharedFolder(path, _read(path))


def _read(path: Path) -> str:
    try:
        return (path / MARK_FILE).read_text()
    except OSError:
        return ""
