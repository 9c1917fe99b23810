"""Recipes on disk: TOML into frozen dataclasses, unknown keys refused, single settings changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain

T = TypeVar("T")


def read_recipe_file(
    kind: type[T], name_or_path: str, folder: Path, overrides: Mapping[str, Any] | None = None
) -> T:
    """A recipe of any kind by the name of a shipped one, or by path.

    Args:
        folder: of the shipped ones.
        overrides: values by dotted key, `fit.epochs`; None leaves the recipe's.

    Raises:
        ConfigError: no such recipe, not TOML, an unknown key or a wrong type.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = folder / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ConfigError(f"no recipe {name_or_path!r}; shipped: {known}, or give a .toml file")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    try:
        return from_plain(kind, content, path.name)
    except ManifestError as error:
        raise ConfigError(str(error)) from error


def _override(content: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        return
    *rooms, last = key.split(".")
    for room in rooms:
        content = content.setdefault(room, {})
        if not isinstance(content, dict):
            raise ConfigError(f"cannot set {key!r}: {room!r} is {content!r}, not a table")
    content[last] = value


def parse_setting(text: str) -> tuple[str, Any]:
    """`fit.epochs=3` to a key and a TOML value; what is no TOML value is a string.

    Raises:
        ConfigError: no `=`, or no key before it.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"setting is {text!r}; expected KEY=VALUE, e.g. fit.epochs=3")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
