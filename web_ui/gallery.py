"""Suspect cells and refused objects as a page shows them: agreed, disputed and refused apart.

Decides nothing; which cell is which the store's records say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from edge.contract.labels import is_infected
from edge.store.records import AGREED, DISPUTED, REFUSED, FieldRecord, SuspectCellRecord
from web_ui.words import cause

# Of the objects refused for one cause; more of the same teach nothing.
OBJECTS_AT_MOST = 12


@dataclass(frozen=True)
class Cells:
    """Suspect cells of one kind; `has_more` where not all of them are here."""

    cells: Sequence[SuspectCellRecord]
    has_more: bool = False


@dataclass(frozen=True)
class RefusedObject:
    """An object that is no red cell: its field, its place in that field's list, and why."""

    field_index: int
    number: int
    reason: str


@dataclass(frozen=True)
class RefusedGroup:
    """Objects refused for the same cause: how many, and the first of them."""

    cause: str
    count: int
    objects: Sequence[RefusedObject]


@dataclass(frozen=True)
class Gallery:
    """The evidence of a specimen or a field.

    Attributes:
        agreed: suspect cells on which the networks agree, or of which there is but one opinion.
        disputed: cells that one of the two networks alone suspects.
        refused: objects refused as no red cell that look infected all the same.
        groups: all other refused objects, most frequent cause first.
        second_opinion: a second network looked at these cells.
    """

    agreed: Cells
    disputed: Cells
    refused: Cells
    groups: Sequence[RefusedGroup]
    second_opinion: bool


def specimen_gallery(
    fields: Sequence[FieldRecord], suspects: Iterable[SuspectCellRecord], limit: int
) -> Gallery:
    """Of all fields of a specimen; at most `limit` cells of each kind, most suspicious first."""
    suspects = sorted(suspects, key=lambda cell: (-cell.score, cell.cell_id))
    agreed, disputed, refused = (
        [cell for cell in suspects if cell.kind == kind] for kind in (AGREED, DISPUTED, REFUSED)
    )
    # Whichever of the two suspects it.
    disputed.sort(key=lambda cell: -max(cell.score, cell.novelty or 0.0))
    second = any(cell["novelty"] is not None for field in fields for cell in field.cells)
    shown = [Cells(cells[:limit], len(cells) > limit) for cells in (agreed, disputed, refused)]
    return Gallery(shown[0], shown[1], shown[2], refused_groups(fields), second)


def field_gallery(field: FieldRecord, suspects: Iterable[SuspectCellRecord]) -> Gallery:
    """Of one field, from its specimen's suspect cells."""
    mine = [cell for cell in suspects if cell.field_index == field.index]
    return specimen_gallery([field], mine, len(mine))


def refused_groups(fields: Iterable[FieldRecord]) -> list[RefusedGroup]:
    """Refused objects that do not look infected, by cause; the most frequent first."""
    objects = [
        RefusedObject(field.index, number, cell["refused"])
        for field in fields
        for number, cell in enumerate(field.cells)
        if cell["refused"] and not is_infected(cell["label"])
    ]
    by_cause = groupby(sorted(objects, key=_cause), key=_cause)
    groups = [_group(why, list(found)) for why, found in by_cause]
    return sorted(groups, key=lambda group: -group.count)


def _cause(item: RefusedObject) -> str:
    return cause(item.reason)


def _group(why: str, found: Sequence[RefusedObject]) -> RefusedGroup:
    return RefusedGroup(why, len(found), found[:OBJECTS_AT_MOST])
