"""Frozen dataclasses as what a request gives and an answer holds, and their JSON Schema.

What checks a request (`web_ui.api.reading`) goes by the same declaration, so that the document
cannot promise what the program refuses. A field's limits stand in its metadata, in JSON Schema's
own words; its meaning in the class's docstring.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

REF = "#/components/schemas/"
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
# "name: text" or "one, other: text" of a docstring's section.
_ATTRIBUTE = re.compile(r"    (\w+(?:, \w+)*): (.*)")


def limited(default: Any = MISSING, **limits: Any) -> Any:
    """A field with limits (`minimum`, `maxLength`, `enum`, …); without a default it is required."""
    return field(default=default, metadata=limits)


def schema_of(kind: Any, *, answer: bool, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; a dataclass goes to `definitions` and is referred to.

    Args:
        kind: str, int, float, bool, an optional, a tuple, a mapping, or a dataclass of these.
        answer: every field is there, and more may come; else what has a default may be left out,
            and nothing else is taken.
        definitions: by the class's name; added to.
    """
    origin = get_origin(kind)
    if kind is Any:
        return {}
    if origin in (Union, types.UnionType):
        return _optional(_inner(kind), answer, definitions)
    if origin is tuple:
        items = schema_of(get_args(kind)[0], answer=answer, definitions=definitions)
        return {"type": "array", "items": items}
    if origin in (dict, Mapping):
        values = schema_of(get_args(kind)[1], answer=answer, definitions=definitions)
        return {"type": "object"} | ({"additionalProperties": values} if values else {})
    if isinstance(kind, type) and is_dataclass(kind):
        name = kind.__name__
        if name not in definitions:
            definitions[name] = {}  # Known while its fields are looked at.
            definitions[name] = _object(kind, answer, definitions)
        return {"$ref": f"{REF}{name}"}
    return {"type": _PLAIN[kind]}


def _optional(inner: Any, answer: bool, definitions: dict[str, Any]) -> dict[str, Any]:
    found = schema_of(inner, answer=answer, definitions=definitions)
    if "type" in found:
        return found | {"type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


def _inner(kind: Any) -> Any:
    (inner,) = (option for option in get_args(kind) if option is not types.NoneType)
    return inner


def _object(kind: Any, answer: bool, definitions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "description": summary_of(kind),
        "properties": {
            item.name: property_schema(kind, item, answer=answer, definitions=definitions)
            for item in fields(kind)
        },
    }
    required = [item.name for item in fields(kind) if answer or is_required(item)]
    if required:
        found["required"] = required
    return found if answer else found | {"additionalProperties": False}


def property_schema(
    kind: Any, item: Field[Any], *, answer: bool, definitions: dict[str, Any]
) -> dict[str, Any]:
    """The schema of one field, with its limits, its default and what its docstring says of it."""
    hint, limits = hints_of(kind)[item.name], dict(item.metadata)
    found = limits if "$ref" in limits else schema_of(hint, answer=answer, definitions=definitions)
    found = found | limits
    if "enum" in limits:
        found["enum"] = [*limits["enum"], *([None] if is_optional(hint) else [])]
    if not answer and item.default not in (MISSING, None):
        found["default"] = item.default
    told = attributes_of(kind).get(item.name)
    return found | ({"description": told} if told else {})


def is_required(item: Field[Any]) -> bool:
    """A request without it is refused."""
    return item.default is MISSING and item.default_factory is MISSING


def is_optional(hint: Any) -> bool:
    """None is a value of it."""
    return get_origin(hint) in (Union, types.UnionType)


def plain_type(hint: Any) -> Any:
    """The type of a field that is given at all."""
    return _inner(hint) if is_optional(hint) else hint


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The types of a class's fields."""
    return get_type_hints(kind)


def summary_of(kind: Any) -> str:
    """The first sentence of a docstring."""
    return _joined((inspect.getdoc(kind) or "").partition("\n\n")[0])


@cache
def attributes_of(kind: type) -> dict[str, str]:
    """What a class's docstring says of each field."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].splitlines():
        if line and not line.startswith(" "):
            break
        if begins := _ATTRIBUTE.fullmatch(line):
            names = begins[1].split(", ")
            found |= dict.fromkeys(names, begins[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _joined(text: str) -> str:
    return " ".join(text.split())
