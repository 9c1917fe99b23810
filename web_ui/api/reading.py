"""What a request gives, as checked values: query, JSON and form alike. All that is wrong is told
at once, by field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, NoReturn, TypeVar

from werkzeug.datastructures import MultiDict

from web_ui.api.kinds import hints_of, is_optional, is_required, plain_type

T = TypeVar("T")

_INTEGER = re.compile(r"-?[0-9]{1,18}(?:\.0+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_EXPECTED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong.

    Attributes:
        field: its name; empty where it is the whole body.
        message: what is wrong, and what is allowed.
    """

    field: str
    message: str


class InvalidInputError(Exception):
    """A request's values cannot be taken; `errors` says all that is wrong."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class _WrongError(Exception):
    """One value is wrong, and why."""


def read_text(kind: type[T], given: MultiDict[str, str]) -> T:
    """Values of a query or of a form, which are text.

    Raises:
        InvalidInputError: unknown, missing, given twice, or not allowed.
    """
    twice = [FieldError(name, "given twice") for name in given if len(given.getlist(name)) > 1]
    if twice:
        raise InvalidInputError(twice)
    return _build(kind, given.to_dict(), _from_text)


def read_json(kind: type[T], body: bytes) -> T:
    """Values of a JSON object.

    Raises:
        InvalidInputError: no JSON, no object; else as `read_text`.
    """
    try:
        plain = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInputError([FieldError("", f"the body is no JSON: {told}")]) from error
    if not isinstance(plain, dict):
        raise InvalidInputError([FieldError("", "the body is no JSON object")])
    return _build(kind, plain, _from_json)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _build(kind: type[T], plain: Mapping[str, Any], convert: Callable[[Any, Any], Any]) -> T:
    plain_kind: Any = kind
    known = {item.name: item for item in fields(plain_kind)}
    errors = [
        FieldError(_short(name), f"unknown; known: {', '.join(known) or 'none'}")
        for name in plain
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, item in known.items():
        if name not in plain:
            errors += [FieldError(name, "missing")] if is_required(item) else []
            continue
        try:
            values[name] = _checked(hints_of(plain_kind)[name], item, plain[name], convert)
        except _WrongError as error:
            errors.append(FieldError(name, str(error)))
        except InvalidInputError as error:
            errors += [FieldError(f"{name}.{one.field}", one.message) for one in error.errors]
    if errors:
        raise InvalidInputError(errors)
    return kind(**values)


def _checked(hint: Any, item: Field[Any], given: Any, convert: Callable[[Any, Any], Any]) -> Any:
    if given is None and is_optional(hint):
        return None
    value = convert(plain_type(hint), given)
    limits = item.metadata
    if isinstance(value, str):
        _check_text(value, limits)
    if "enum" in limits and value not in limits["enum"]:
        raise _WrongError(f"{_short(value)!r} is none of {', '.join(map(str, limits['enum']))}")
    if "minimum" in limits and not limits["minimum"] <= value <= limits["maximum"]:
        raise _WrongError(f"{_short(value)} is not from {limits['minimum']} to {limits['maximum']}")
    return value


def _from_text(kind: Any, given: str) -> Any:
    if kind is str:
        return given
    if kind is int and _INTEGER.fullmatch(given):
        return int(given.partition(".")[0])
    if kind is bool and given in _BOOLEANS:
        return _BOOLEANS[given]
    if kind is float:
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise _WrongError(f"{_short(given)!r} is not {_EXPECTED[kind]}")


def _from_json(kind: Any, given: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(given, dict):
            raise _WrongError(f"{_short(json.dumps(given))} is not an object")
        return _build(kind, given, _from_json)
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        # Beyond a float's range it cannot be within any limit either.
        return given if abs(given) > 2**63 else float(given)
    # JSON knows no difference between 1 and 1.0.
    if kind is int and isinstance(given, float) and given.is_integer():
        return int(given)
    if not isinstance(given, kind) or (isinstance(given, bool) and kind is not bool):
        raise _WrongError(f"{_short(json.dumps(given))} is not {_EXPECTED[kind]}")
    return given


def _check_text(value: str, limits: Mapping[str, Any]) -> None:
    least, most = limits.get("minLength", 0), limits.get("maxLength")
    if most is not None and not least <= len(value) <= most:
        raise _WrongError(f"has {len(value)} characters; use {least} to {most}")
    # Half of a pair, which JSON can spell and no file can hold.
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _WrongError("has half of a surrogate pair")
    if "pattern" in limits and not _regex(limits["pattern"]).search(value):
        raise _WrongError(f"{_short(value)!r} does not look like {limits['pattern']}")
    if limits.get("format") == "date":
        try:
            date.fromisoformat(value)
        except ValueError as error:
            raise _WrongError(f"{_short(value)!r} is no date such as 2026-11-21") from error


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    # Python lets $ match before a last line break, too; JSON Schema does not.
    return re.compile(pattern.replace("$", r"\Z"))


def _short(value: object) -> str:
    return str(value)[:80]
