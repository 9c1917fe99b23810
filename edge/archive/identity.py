"""What all slides of one --out have in common, kept beside them: results of two kinds never mix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge.archive.places import Place, why
from edge.archive.schema import VERSION
from edge.contract.errors import ConfigError, StoreError
from edge.contract.records import to_plain
from edge.contract.types import RanOn
from edge.protocol import Protocol

IDENTITY_FILE = "archive.json"


def identity_of(protocol: Protocol, ran_on: RanOn, program_version: str) -> dict[str, Any]:
    """What decides the bytes of a slide's result, besides the slide."""
    return {
        "schema_version": VERSION,
        "program_version": program_version,
        "ran_on": to_plain(ran_on),
        "protocol": to_plain(protocol),
    }


def check_identity(place: Place, identity: Mapping[str, Any]) -> None:
    """Keeps the identity at a new place; at one that has another, refuses.

    Raises:
        ConfigError: the place holds results of another bundle, protocol, program or schema.
        StoreError: what is kept there cannot be read.
    """
    try:
        kept = json.loads(place.read(IDENTITY_FILE))
    except FileNotFoundError:
        place.write(IDENTITY_FILE, (json.dumps(identity, indent=1) + "\n").encode())
        return
    except (OSError, ValueError) as error:
        said = why(error) if isinstance(error, OSError) else str(error)
        raise StoreError(
            f"{place.url}/{IDENTITY_FILE} cannot be read ({said}); give another --out"
        ) from error
    now, before = _flat(identity), _flat(kept)
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differing:
        changes = "; ".join(
            f"{key} {_shown(before.get(key))}, now {_shown(now.get(key))}" for key in differing
        )
        raise ConfigError(
            f"{place.url} holds results of something else ({changes}); give another --out, or run "
            "with what it was begun with"
        )


def _flat(content: Any, before: str = "") -> dict[str, Any]:
    """Nested tables as one, so that a message names what differs and no more."""
    if not isinstance(content, dict):
        return {before: content}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{before}.{key}" if before and before != "ran_on" else key)
    return flat


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value) or "none"
