"""What root asks before an update: which device this is, and whether now is the moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ManifestError, UpdateError
from edge.contract.records import from_plain, to_plain
from edge.identity import Identity, read_identity
from edge.updates.kept_records import is_screening


@dataclass(frozen=True)
class Look:
    """The answer of `application look`."""

    identity: Identity
    screening: bool


def look(home: Path) -> Look:
    """Looks at this device. Raises ConfigError, StoreError."""
    return Look(read_identity(home), is_screening(home))


def format_look(found: Look) -> str:
    """For whoever asked."""
    return json.dumps(to_plain(found))


def parse_look(text: str) -> Look:
    """Reads the answer. Raises UpdateError."""
    try:
        return from_plain(Look, json.loads(text), "answer")
    except (ValueError, ManifestError) as error:
        raise UpdateError(
            f"the program in use does not say which device this is ({error})"
        ) from error
