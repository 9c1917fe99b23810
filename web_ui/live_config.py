"""The config in force, and changing it: written to config.toml first, then taken up by what runs.

What cannot be taken up, or was written by another hand, is in force after a restart; `pending` says
so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.config import DeviceConfig, load_config
from edge.config_file import change_config
from edge.contract.errors import ConfigError


class LiveConfig:
    """The config of one app.

    Args:
        home: the data directory.
        in_force: what the service was started with, flags of the command line included; None for
            what is in the file.

    Attributes:
        current: the config in force.
        needs_restart: something else was changed that is taken up at a start alone.
    """

    def __init__(self, home: Path, in_force: DeviceConfig | None = None) -> None:
        self.home = home
        self._read = load_config(home)
        self.current = in_force or self._read
        self.needs_restart = False

    def write(self, changes: Mapping[str, object]) -> DeviceConfig:
        """Writes keys of config.toml, see `change_config`; in force they are once adopted.

        Raises:
            ConfigError, StoreError: nothing was changed.
        """
        return change_config(self.home, changes)

    def adopt(self, written: DeviceConfig, changes: Mapping[str, object]) -> None:
        """What was changed is taken up by what runs."""
        parts: dict[str, Any] = {
            part: getattr(written, part) for part in {name.partition(".")[0] for name in changes}
        }
        self.current = replace(self.current, **parts)
        self._read = replace(self._read, **parts)

    def problem(self) -> str:
        """Why the device would not start with its config.toml as it is; empty where it would."""
        try:
            load_config(self.home)
        except ConfigError as error:
            return str(error)
        return ""

    def pending(self) -> bool:
        """Whether config.toml says something that is in force only after a restart."""
        try:
            return self.needs_restart or load_config(self.home) != self._read
        except ConfigError:
            return False
