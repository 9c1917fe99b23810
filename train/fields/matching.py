"""Which found cell is which true one, and which of both count.

Pairs are the assignment with most pairs, and of those the one that overlaps most (Hungarian method,
Kuhn 1955). Nothing is decided on labels or calls: a healthy cell pairs as well as an infected one.

Fairly counted, these are neither hit nor miss nor false:
- a true box at the frame's edge or unsure (`FieldTruth.unsure`), and what was found of it;
- what was found at the frame's edge, and the true box that it pairs with.
Strictly counted, nothing is left out. What was found where no true cell is counts as false both
ways; `found_unboxed` tells which of it may as well be a cell that carries no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.types import BoolArray, F64Array, I32Array
from train.fields.readings import FieldReading
from train.fields.truth import FieldTruth, centres_of

LEAST_IOU = 0.5
# More of a found cell than this inside a true box makes it a second one of the same cell.
MOST_COVERED = 0.2
# A labelled box may end a little inside the edge that cuts its cell.
BORDER_PX = 2
# Half the diameter of a red cell of chula-fields: see train.datasets.chula_cells.
REACH_PX = 21.0


@dataclass(frozen=True, eq=False)
class Matched:
    """Red cells of one field, found and true; rows are those of reading and truth.

    Attributes:
        found_unboxed: (N,) found where hardly any true box lies, so that nothing is known of them.
        found_of_true: (M,) row of the found cell, -1 where there is none.
        true_of_found: (N,) the other way round.
        true_counts: (M,) red cells that are a hit or a miss.
        found_counts: (N,) found red cells that are a hit or false.
    """

    found_of_true: np.ndarray
    true_of_found: np.ndarray
    true_counts: BoolArray
    found_counts: BoolArray
    found_unboxed: BoolArray

    @property
    def hits(self) -> np.ndarray:
        """(K,2) rows of truth and of reading, of pairs that count."""
        rows = np.flatnonzero(self.true_counts & (self.found_of_true >= 0))
        return np.column_stack([rows, self.found_of_true[rows]])


def match_red_cells(truth: FieldTruth, reading: FieldReading, *, strict: bool = False) -> Matched:
    """Pairs red cells: boxes by their overlap, centres within half a cell."""
    matched = match_objects(truth, reading, truth.red, reading.red)
    if strict:
        return matched
    found_border = reading.at_border | at_border(reading.boxes_px, reading)
    left_out = truth.unsure | true_at_border(truth, reading)
    true_rows, found_rows = _pairs(matched)
    found_left_out = found_border.copy()
    found_left_out[found_rows] |= left_out[true_rows]
    left_out[true_rows] |= found_border[found_rows]
    return Matched(
        matched.found_of_true,
        matched.true_of_found,
        matched.true_counts & ~left_out,
        matched.found_counts & ~found_left_out,
        matched.found_unboxed,
    )


def match_objects(
    truth: FieldTruth, reading: FieldReading, true_of_kind: BoolArray, found_of_kind: BoolArray
) -> Matched:
    """Pairs the objects of one kind; all of them count."""
    worth = _worth(truth, reading)
    worth[~found_of_kind] = 0
    worth[:, ~true_of_kind] = 0
    pairs = assign(worth)
    true_of_found = np.full(len(reading.boxes_px), -1)
    found_of_true = np.full(len(truth.labels), -1)
    true_of_found[pairs[:, 0]] = pairs[:, 1]
    found_of_true[pairs[:, 1]] = pairs[:, 0]
    unboxed = _unboxed(truth, reading) & (true_of_found < 0)
    return Matched(found_of_true, true_of_found, true_of_kind.copy(), found_of_kind.copy(), unboxed)


def _pairs(matched: Matched) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(matched.found_of_true >= 0)
    return rows, matched.found_of_true[rows]


def _worth(truth: FieldTruth, reading: FieldReading) -> F64Array:
    """(N,M) how well a found object fits a true one, above 0 where they may pair."""
    if truth.boxes_px is not None:
        overlap = iou(reading.boxes_px, truth.boxes_px)
        return np.where(overlap >= LEAST_IOU, overlap, 0.0)
    middles = centres_of(reading.boxes_px)
    away = np.linalg.norm(middles[:, None] - truth.centres_px[None], axis=2)
    return np.where(away <= REACH_PX, 1.001 - away / REACH_PX, 0.0)


def _unboxed(truth: FieldTruth, reading: FieldReading) -> BoolArray:
    """(N,) found objects of which no true box covers a fifth, or that reach no point."""
    if not len(truth.labels):
        return np.ones(len(reading.boxes_px), bool)
    if truth.boxes_px is None:
        middles = centres_of(reading.boxes_px)
        away = np.linalg.norm(middles[:, None] - truth.centres_px[None], axis=2)
        return np.asarray(away.min(axis=1) > 2 * REACH_PX)
    shared = _shared_px(reading.boxes_px, truth.boxes_px)
    own = np.maximum(reading.boxes_px[:, 2:].prod(axis=1), 1)
    return np.asarray(shared.max(axis=1) < MOST_COVERED * own)


def true_at_border(truth: FieldTruth, reading: FieldReading) -> BoolArray:
    """(M,) true objects that the frame's edge touches; of a centre, a cell about it."""
    if truth.boxes_px is not None:
        return at_border(truth.boxes_px, reading)
    sides = np.full((len(truth.labels), 2), 2 * REACH_PX)
    return at_border(np.column_stack([truth.centres_px - REACH_PX, sides]), reading)


def at_border(boxes_px: I32Array | F64Array, reading: FieldReading) -> BoolArray:
    """(N,) boxes that the frame's edge touches."""
    near = boxes_px[:, :2] <= BORDER_PX
    ends = boxes_px[:, :2] + boxes_px[:, 2:]
    far = ends >= np.array([reading.width_px, reading.height_px]) - BORDER_PX
    return np.asarray((near | far).any(axis=1))


def iou(first: I32Array, second: I32Array) -> F64Array:
    """(N,M) overlap of (N,4) and (M,4) boxes: intersection over union."""
    shared = _shared_px(first, second)
    areas = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None]
    return np.asarray(shared / np.maximum(areas - shared, 1))


def _shared_px(first: I32Array, second: I32Array) -> F64Array:
    """(N,M) pixels that boxes share."""
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    end = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    return np.asarray(np.clip(end - start, 0, None).prod(axis=2), np.float64)


def assign(worth: F64Array) -> np.ndarray:
    """(K,2) rows and columns of the most pairs with worth above 0, and of those the worthiest."""
    from scipy.optimize import linear_sum_assignment

    # One pair more outweighs whatever overlap the others could gain.
    gain = np.where(worth > 0, worth + min(worth.shape, default=0) + 1, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    paired = worth[rows, columns] > 0
    return np.column_stack([rows[paired], columns[paired]])
