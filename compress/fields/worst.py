"""Which cells and fields were read worst: what an engineer looks at first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compress.fields.measured import Collection
from train.fields.callers import Calls, Field
from train.fields.labelled import LEAST_SHARE
from train.fields.matching import LEAST_IOU, iou

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
        taken_for: kind of the object that lies there instead.
    """

    field: Field
    box_px: tuple[int, int, int, int]
    label: str
    logit: float | None
    taken_for: str = ""


@dataclass(frozen=True, eq=False)
class WorstField:
    """A field with many wrong cells: `wrong` is (missed + false) / true."""

    field: Field
    hits: int
    missed: int
    false: int
    wrong: float


def not_found(fields: Sequence[Field]) -> list[WorstCell]:
    """Infected cells that were not found as red cells; `taken_for` says as what else."""
    found = []
    for one in fields:
        lost = one.truth.infected & one.fair.true_counts & (one.fair.found_of_true < 0)
        for row in np.flatnonzero(lost):
            if one.truth.boxes_px is not None:
                box = one.truth.boxes_px[row]
                taken_for = _taken_for(one, box)
                found.append(_cell(one, box, str(one.truth.labels[row]), None, taken_for))
    return found


def _taken_for(one: Field, box_px: np.ndarray) -> str:
    """The kind of the object that fits the box best; "" where none does."""
    overlap = iou(one.reading.boxes_px, box_px[None])[:, 0]
    if not len(overlap) or overlap.max() < LEAST_IOU:
        return ""
    return str(one.reading.kinds[overlap.argmax()])


def not_called(fields: Sequence[Field], calls: Sequence[Calls]) -> list[WorstCell]:
    """Infected cells that were found and not called, lowest logit first."""
    found = []
    for one, said in zip(fields, calls, strict=True):
        for row, at in one.fair.hits:
            if one.truth.infected[row] and not said.infected[at]:
                label, logit = str(one.truth.labels[row]), float(said.logit[at])
                found.append(_cell(one, one.reading.boxes_px[at], label, logit))
    return sorted(found, key=lambda cell: cell.logit or 0.0)


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


def _cell(
    one: Field, box_px: np.ndarray, label: str, logit: float | None, taken_for: str = ""
) -> WorstCell:
    left, top, width, height = (int(side) for side in box_px)
    return WorstCell(one, (left, top, width, height), label, logit, taken_for)


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
