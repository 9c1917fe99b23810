"""Settings of cameras: from text, from the config, into the types that a camera declares."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain

T = TypeVar("T")

_SCALARS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MOST_PX = 20_000


def build_settings(name: str, kind: type[T], values: Mapping[str, object]) -> T:
    """A camera's settings of plain values.

    Raises:
        ConfigError: an unknown key, a value of another type or out of range; names it.
    """
    try:
        return from_plain(kind, dict(values), f"camera {name}")
    except ManifestError as error:
        raise ConfigError(str(error)) from error


def settings_from_text(name: str, kind: type, texts: Mapping[str, str]) -> dict[str, Any]:
    """Settings as text, as in `camera:NAME?key=value`, in the types that the camera declares.

    Args:
        name: the camera's, for the message.
        kind: the settings' dataclass, or the camera whose constructor takes keyword arguments.

    Raises:
        ConfigError: an unknown key, or text that is no such value.
    """
    known = _scalar_types(kind)
    unknown = sorted(set(texts) - set(known))
    if unknown:
        raise ConfigError(
            f"camera {name} has no setting {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(known) or 'none'}"
        )
    return {key: _from_text(known[key], text, f"{name}: {key}") for key, text in texts.items()}


def _scalar_types(kind: type) -> dict[str, type]:
    """The settings that a line of text can give, with their types."""
    hints = get_type_hints(kind if is_dataclass(kind) else kind.__init__)  # type: ignore[misc]
    order = [item.name for item in fields(kind)] if is_dataclass(kind) else list(hints)
    scalars = {key: _scalar(hints[key]) for key in order if key != "return"}
    return {key: found for key, found in scalars.items() if found is not None}


def _scalar(hint: Any) -> type | None:
    if get_origin(hint) in (Union, types.UnionType):
        inner = [option for option in get_args(hint) if option is not type(None)]
        hint = inner[0] if len(inner) == 1 else None
    return hint if hint in _SCALARS else None


def _from_text(kind: type, text: str, where: str) -> Any:
    try:
        return _TRUTHS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{where} is {text!r}; give {_SCALARS[kind]}") from error


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuses a number out of range, NaN included. Raises ConfigError."""
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}; give {low:g} to {high:g}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuses what is none of the choices. Raises ConfigError."""
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; give one of {', '.join(map(str, choices))}")


def check_size(width_px: int, height_px: int) -> None:
    """Both sides or neither; 0 leaves it to the camera. Raises ConfigError."""
    check_range("width_px", width_px, 0, MOST_PX)
    check_range("height_px", height_px, 0, MOST_PX)
    if bool(width_px) != bool(height_px):
        raise ConfigError(
            f"width_px is {width_px} and height_px is {height_px}; give both, or neither"
        )


def check_scale(um_per_px: float | None) -> None:
    """Micrometres a pixel, where known. Raises ConfigError."""
    if um_per_px is not None:
        check_range("um_per_px", um_per_px, 0.001, 10)
