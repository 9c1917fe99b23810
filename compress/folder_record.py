"""What one command leaves in a folder for another: a JSON record, written whole, read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain

T = TypeVar("T")


def write_record(path: Path, record: Any) -> None:
    """Writes a dataclass, or a list of them, whole."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(json.dumps(to_plain(record), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def read_record(kind: type[T], path: Path, command: str) -> T:
    """The record of a folder.

    Args:
        kind: a dataclass.
        command: that leaves it, `compress run`, for the message.

    Raises:
        ConfigError: there is none.
        DataError: it is broken, or of another version.
    """
    if not path.is_file():
        raise ConfigError(f"{path.parent} holds no {path.name}; run `clinicscope {command}`")
    try:
        return from_plain(kind, json.loads(path.read_text(encoding="utf-8")), path.name)
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} cannot be packed: {error}; run `{command}` again") from error
