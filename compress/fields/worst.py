"""Which cells and fields were read worst: what an engineer looks at first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compress.fields.measured import Collection
from train.fields.callers import Calls, Field
from train.fields.labelled import LEAST_SHARE

WORST_CELLS, WORST_FIELDS = 48, 3
# Of more than twice as many cells found as there are, a field is as bad as any.
_MOST_WRONG = 2.0


@dataclass(frozen=True, eq=False)
class WorstCell:
    """A cell that was missed or wrongly called.

    Attributes:
        box_px: left, top, width, height; the found one's, or the true one's where none was found.
        label: of the truth; "no cell" where none is labelled there.
        logit: None where the cell was not found.
    """

    field: Field
    box_px: tuple[int, int, int, int]
    label: str
    logit: float | None


@dataclass(frozen=True, eq=False)
class WorstField:
    """A field with many wrong cells: `wrong` is (missed + false) / true."""

    field: Field
    hits: int
    missed: int
    false: int
    wrong: float


def worst_misses(fields: Sequence[Field], calls: Sequence[Calls]) -> list[WorstCell]:
    """Infected cells that were not found, then those that were not called, lowest logit first."""
    found = []
    for one, said in zip(fields, calls, strict=True):
        for row in np.flatnonzero(one.truth.infected & one.fair.true_counts):
            at = int(one.fair.found_of_true[row])
            if at >= 0 and said.infected[at]:
                continue
            logit = None if at < 0 else float(said.logit[at])
            boxes = one.truth.boxes_px if at < 0 else one.reading.boxes_px
            found.append(
                _cell(one, boxes[row if at < 0 else at], str(one.truth.labels[row]), logit)
            )
    return sorted(found, key=lambda cell: -np.inf if cell.logit is None else cell.logit)


def worst_false_alarms(fields: Sequence[Field], calls: Sequence[Calls]) -> list[WorstCell]:
    """Calls of what is no infected cell, highest logit first."""
    found = []
    for one, said in zip(fields, calls, strict=True):
        for at in np.flatnonzero(said.infected & one.fair.found_counts):
            row = int(one.fair.true_of_found[at])
            if row >= 0 and one.truth.infected[row]:
                continue
            label = "no cell" if row < 0 else str(one.truth.labels[row])
            found.append(_cell(one, one.reading.boxes_px[at], label, float(said.logit[at])))
    return sorted(found, key=lambda cell: -(cell.logit or 0.0))


def _cell(one: Field, box_px: np.ndarray, label: str, logit: float | None) -> WorstCell:
    left, top, width, height = (int(side) for side in box_px)
    return WorstCell(one, (left, top, width, height), label, logit)


def worst_fields(collection: Collection, most: int = WORST_FIELDS) -> list[WorstField]:
    """The fields with the largest share of wrong cells, of those whose cells carry labels.

    Refused fields, of which every cell is missed, come with the others.
    """
    rated = [
        _rated(one)
        for one, share in zip(collection.fields, collection.labelled, strict=True)
        if share >= LEAST_SHARE and one.fair.true_counts.any()
    ]
    return sorted(rated, key=lambda rated: -rated.wrong)[:most]


def _rated(one: Field) -> WorstField:
    true, hits = int(one.fair.true_counts.sum()), len(one.fair.hits)
    false = int(one.fair.found_counts.sum()) - hits
    wrong = min((true - hits + false) / true, _MOST_WRONG)
    return WorstField(one, hits, true - hits, false, wrong)
