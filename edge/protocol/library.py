"""Protocols by name: those that ship, and a site's own below its data directory.

A site's file is DATA_DIRECTORY/protocols/NAME.toml. It may not take the name of one that ships,
since a record that names a protocol must mean one thing everywhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from edge.protocol.definition import DEFAULT_THICK, THICK, THIN, Protocol, ThickProtocol

DEFAULT = "who-thin-5000"
# Of a site's own table in config.toml that gives itself no name.
SITE_NAME = "site"
FOLDER = "protocols"
T = TypeVar("T", Protocol, ThickProtocol)


def shipped_names() -> tuple[str, ...]:
    """Of the protocols that ship, in order."""
    folder = files("edge.protocol") / FOLDER
    return tuple(sorted(Path(item.name).stem for item in folder.iterdir()))


def protocol_names(home: Path | None = None) -> tuple[str, ...]:
    """All that can be loaded: those that ship, and those of the site."""
    own = sorted(path.stem for path in (home / FOLDER).glob("*.toml")) if home else []
    return (*shipped_names(), *(name for name in own if name not in shipped_names()))


@lru_cache(maxsize=1)
def default_protocol() -> Protocol:
    """What a device counts by where its site has chosen nothing."""
    return load_protocol(DEFAULT)


def load_protocol(name: str, home: Path | None = None) -> Protocol:
    """A protocol for thin smears. `name` may be name@version, as it stands on a record.

    Args:
        home: the data directory, where a site's own lie; None looks at those that ship alone.

    Raises:
        ConfigError: no such protocol or version, or its file is wrong: key, type or range.
    """
    return _load(Protocol, THIN, name, home)


def load_thick_protocol(name: str = DEFAULT_THICK, home: Path | None = None) -> ThickProtocol:
    """A protocol for thick smears; as `load_protocol`."""
    return _load(ThickProtocol, THICK, name, home)


def load_any(name: str, home: Path | None = None) -> Protocol | ThickProtocol:
    """A protocol of either kind of smear; as `load_protocol`."""
    content = _content(name.partition("@")[0], home)
    if content.get("smear") == THICK:
        return load_thick_protocol(name, home)
    return load_protocol(name, home)


def protocol_of_config(value: object, home: Path) -> Protocol:
    """What config.toml says under `protocol`: a name, or a table of the site's own.

    Raises:
        ConfigError: as `load_protocol`; or a table that changes what ships and keeps its name.
    """
    if isinstance(value, str):
        return load_protocol(value, home)
    if not isinstance(value, Mapping):
        raise ConfigError(f"protocol is {value!r}; give a name or a table")
    name = value.get("name", SITE_NAME)
    if value.keys() == {"name"} and isinstance(name, str):
        return load_protocol(name, home)
    if name in shipped_names():
        raise ConfigError(
            f"protocol: name is {name!r}, which ships and is not changed; give this one another"
        )
    protocol = _build(Protocol, {"name": SITE_NAME, **value}, "config.toml: protocol")
    load_thick_protocol(protocol.thick, home)
    return protocol


def _load(kind: type[T], smear: str, name: str, home: Path | None) -> T:
    plain, _, version = name.partition("@")
    content = _content(plain, home)
    found = content.get("smear")
    if found in (THIN, THICK) and found != smear:
        raise ConfigError(f"protocol {plain!r} is for {found} smears; name one for {smear} smears")
    protocol = _build(kind, content, f"protocol {plain}")
    if protocol.name != plain:
        raise ConfigError(f"protocol {plain}: its file names it {protocol.name!r}; rename either")
    if version and version != str(protocol.version):
        raise ConfigError(
            f"protocol {plain!r} is here in version {protocol.version}; asked for {version!r}"
        )
    if isinstance(protocol, Protocol):
        load_thick_protocol(protocol.thick, home)
    return protocol


def _content(name: str, home: Path | None) -> dict[str, Any]:
    if name in shipped_names():
        text = (files("edge.protocol") / FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    elif home and name in protocol_names(home):
        text = _read(home / FOLDER / f"{name}.toml")
    else:
        known = ", ".join(protocol_names(home))
        raise ConfigError(f"protocol is {name!r}; known: {known}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"protocol {name} is not TOML: {error}; mend the file") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}; save it as UTF-8") from error


def _build(kind: type[T], content: dict[str, Any], where: str) -> T:
    try:
        return from_plain(kind, content, where)
    except ManifestError as error:
        raise ConfigError(str(error)) from error
