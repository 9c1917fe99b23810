"""Frozen dataclasses to and from plain JSON or TOML values, strictly.

An unknown key, a missing one, or a value of another type is refused with its place, because a
misspelt key that is ignored is a setting that nobody made.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edge.contract.errors import ManifestError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings to dicts and lists, recursively."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], value: Any, where: str) -> T:
    """Builds `kind` from plain values.

    Args:
        kind: a dataclass.
        value: what JSON or TOML gave.
        where: the place, for the message.

    Raises:
        ManifestError: unknown or missing key, or a value of another type.
    """
    return _build(kind, value, where)  # type: ignore[no-any-return]


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _build_optional(kind, value, where)
    if origin is tuple:
        return _build_tuple(get_args(kind), value, where)
    if origin in (dict, Mapping):
        return _build_mapping(get_args(kind)[1], value, where)
    if isinstance(kind, type) and is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    return _build_scalar(kind, value, where)


def _build_optional(kind: Any, value: Any, where: str) -> Any:
    if value is None:
        return None
    (inner,) = (option for option in get_args(kind) if option is not type(None))
    return _build(inner, value, where)


def _build_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ManifestError(f"{where} is {value!r}; expected a list")
    return tuple(_build(inner[0], item, f"{where}[{n}]") for n, item in enumerate(value))


def _build_mapping(inner: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{where} is {value!r}; expected an object")
    return {key: _build(inner, item, f"{where}.{key}") for key, item in value.items()}


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ManifestError(f"{where} is {value!r}; expected an object")
    known = {item.name: item for item in fields(kind)}
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ManifestError(f"{where} has unknown keys {unknown}; known: {sorted(known)}")
    missing = [
        name
        for name, item in known.items()
        if name not in value and item.default is MISSING and item.default_factory is MISSING
    ]
    if missing:
        raise ManifestError(f"{where} lacks {missing}")
    hints = _hints(kind)
    return kind(**{key: _build(hints[key], item, f"{where}.{key}") for key, item in value.items()})


def _build_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ManifestError(f"{where} is {value!r}; expected {kind.__name__}")
    return value
