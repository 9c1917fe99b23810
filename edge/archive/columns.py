"""What a column of an archive's tables is: its name, type, unit and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.archive.libraries import need
from edge.contract.labels import STAGES

# How docs/archive.md and this module spell the types, and what Arrow calls them.
TEXT, FLAG, WHOLE, LONG, NUMBER = "string", "bool", "int32", "int64", "double"
TEXTS, WHOLES, BY_STAGE = "list<string>", "list<int32>", "struct by stage of int64"
_ARROW: Mapping[str, Callable[[Any], Any]] = {
    TEXT: lambda pa: pa.string(),
    FLAG: lambda pa: pa.bool_(),
    WHOLE: lambda pa: pa.int32(),
    LONG: lambda pa: pa.int64(),
    NUMBER: lambda pa: pa.float64(),
    TEXTS: lambda pa: pa.list_(pa.field("item", pa.string(), nullable=False)),
    WHOLES: lambda pa: pa.list_(pa.field("item", pa.int32(), nullable=False)),
    BY_STAGE: lambda pa: pa.struct([pa.field(stage, pa.int64()) for stage in STAGES]),
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        kind: its type, one of those above.
        meaning: a clause; where it may be null, when it is.
        unit: of its values; empty for a text, a flag or a count.
        nullable: it may have no value.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    nullable: bool = False

    def field(self, *, bare: bool = False) -> Any:
        """As Arrow has it; meaning and unit go with the file unless it is `bare`."""
        pa = need("pyarrow")
        said = {"meaning": self.meaning} | ({"unit": self.unit} if self.unit else {})
        kind = _ARROW[self.kind](pa)
        return pa.field(self.name, kind, self.nullable, metadata=None if bare else said)
