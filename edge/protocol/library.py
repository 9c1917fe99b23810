"""Protocols by name: those that ship, and a site's own below its data directory.

A site's file is DATA_DIRECTORY/protocols/NAME.toml. It may not take the name of one that ships,
since a record that names a protocol must mean one thing everywhere. A version that is no longer in
use stays loadable as NAME@VERSION.toml beside it, for the records that name it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from edge.protocol.definition import DEFAULT_THICK, THICK, THIN, Protocol, ThickProtocol

DEFAULT = "who-thin-5000"
# Of a site's own table in config.toml that gives itself no name.
SITE_NAME = "site"
FOLDER = "protocols"
VERSION_MARK = "@"
T = TypeVar("T", Protocol, ThickProtocol)


def shipped_names() -> tuple[str, ...]:
    """Of the protocols that ship, in order."""
    return tuple(sorted(stem for stem in _shipped_stems() if VERSION_MARK not in stem))


def protocol_names(home: Path | None = None) -> tuple[str, ...]:
    """All that can be loaded: those that ship, and those of the site."""
    own = sorted(stem for stem in _own_stems(home) if VERSION_MARK not in stem)
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
    if _content(name, home).get("smear") == THICK:
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
    plain, _, version = name.partition(VERSION_MARK)
    content = _content(name, home)
    found = content.get("smear")
    if found in (THIN, THICK) and found != smear:
        raise ConfigError(f"protocol {plain!r} is for {found} smears; name one for {smear} smears")
    protocol = _build(kind, content, f"protocol {plain}")
    if protocol.name != plain:
        raise ConfigError(f"protocol {plain}: its file names it {protocol.name!r}; rename either")
    if version and version != str(protocol.version):
        raise ConfigError(
            f"protocol {plain!r} is here in version {protocol.version}; asked for {version!r}: put "
            f"the old file back as {plain}{VERSION_MARK}{version}.toml"
        )
    if isinstance(protocol, Protocol):
        load_thick_protocol(protocol.thick, home)
    return protocol


def _content(name: str, home: Path | None) -> dict[str, Any]:
    """Of NAME@VERSION where that is kept, else of NAME as it is now."""
    plain = name.partition(VERSION_MARK)[0]
    for stem in dict.fromkeys((name, plain)):
        if plain in shipped_names() and stem in _shipped_stems():
            return _parse(name, (_shipped() / f"{stem}.toml").read_text(encoding="utf-8"))
        if home and plain not in shipped_names() and stem in _own_stems(home):
            return _parse(name, _read(home / FOLDER / f"{stem}.toml"))
    raise ConfigError(f"protocol is {plain!r}; known: {', '.join(protocol_names(home))}")


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"protocol {name} is not TOML: {error}; mend the file") from error


def _shipped() -> Traversable:
    return files("edge.protocol") / FOLDER


def _shipped_stems() -> set[str]:
    return {Path(item.name).stem for item in _shipped().iterdir()}


def _own_stems(home: Path | None) -> set[str]:
    return {path.stem for path in (home / FOLDER).glob("*.toml")} if home else set()


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
