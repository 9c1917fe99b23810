"""Changes of config.toml by the program: the whole file, durably, and only if it stays a config.

What is not changed stays as a person wrote it, comments and order included.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from edge.config import CONFIG_FILE, DeviceConfig, config_of
from edge.contract.errors import ConfigError
from edge.store.files import write_durably

# Two people may press "Save" at once.
_writing = threading.Lock()


def change_config(home: Path, changes: Mapping[str, object]) -> DeviceConfig:
    """Sets keys of config.toml, which is made where there is none.

    Args:
        home: the data directory.
        changes: new values by dotted name ("camera.name"). A mapping replaces a whole table; None
            takes a key away, so that its default counts.

    Returns:
        the config that is now in the file.

    Raises:
        ConfigError: the file is not TOML, or would no longer be a config; it stays as it was.
        StoreError: the disk refuses; it stays as it was.
    """
    path = home / CONFIG_FILE
    with _writing:
        document = _read(path)
        for name, value in changes.items():
            _put(document, name, value)
        text = tomlkit.dumps(document)
        # What is proven is what is written, not what was meant.
        config = config_of(tomllib.loads(text), home)
        # It may hold the passwords of cameras and servers.
        write_durably(path, text.encode(), private=True)
    return config


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}; mend it by hand first") from error


def _put(document: tomlkit.TOMLDocument, name: str, value: object) -> None:
    *folders, last = name.split(".")
    table: MutableMapping[str, Any] = document
    for folder in folders:
        if folder not in table:
            table[folder] = tomlkit.table()
        table = table[folder]
        if not isinstance(table, MutableMapping):
            raise ConfigError(f"{folder} is {table!r} in {CONFIG_FILE}, not a table; mend it first")
    # Taken away first: a plain value must not stand behind a table, to which it would belong.
    table.pop(last, None)
    if value is not None:
        table[last] = value
