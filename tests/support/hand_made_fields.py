"""Fields and readings by hand: boxes of 40 px in frames of 640 x 480 px."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from train.fields.callers import Field, join
from train.fields.readings import FieldReading
from train.fields.truth import FieldTruth, centres_of

SIDE_PX = 40
Place = tuple[float, float]


def boxes_at(places: Sequence[Place]) -> np.ndarray:
    """(N,4) int32 boxes with these left upper corners."""
    rows = [(left, top, SIDE_PX, SIDE_PX) for left, top in places]
    return np.array(rows, np.int32).reshape(-1, 4)


def truth_at(
    places: Sequence[Place],
    labels: Sequence[str] | None = None,
    *,
    name: str = "a.jpg",
    group: str = "block0",
    unsure: Sequence[bool] | None = None,
) -> FieldTruth:
    """A field of boxes; healthy cells where no labels are given."""
    boxes = boxes_at(places)
    return FieldTruth(
        name,
        Path(name),
        group,
        boxes,
        centres_of(boxes),
        np.array(labels if labels is not None else ["uninfected"] * len(places)),
        np.array(unsure if unsure is not None else [False] * len(places), bool),
    )


def reading_at(
    places: Sequence[Place],
    *,
    name: str = "a.jpg",
    fold: int = 0,
    kinds: Sequence[str] | None = None,
    border: Sequence[bool] | None = None,
    logits: Mapping[str, Sequence[float] | Sequence[Sequence[float]]] | None = None,
    refused: str = "",
) -> FieldReading:
    """What was found; red cells where no kinds are given."""
    return FieldReading(
        name,
        fold,
        640,
        480,
        refused,
        boxes_at(places),
        np.array(kinds if kinds is not None else ["rbc"] * len(places), "U8"),
        np.array(border if border is not None else [False] * len(places), bool),
        {key: np.array(values, np.float32) for key, values in (logits or {}).items()},
    )


def field_of(truth: FieldTruth, reading: FieldReading) -> Field:
    """The two joined."""
    return join([truth], [reading])[0]
