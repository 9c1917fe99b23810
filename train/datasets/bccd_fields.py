"""BCCD: full fields of blood without malaria, with boxes of red cells, white cells and platelets.

A field is a group of its own, since no patient is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge.contract.errors import DataError
from train.datasets.base import Example
from train.datasets.fields import read_boxes

FOLDER = "bccd-fields"
RED_CELL, WHITE_CELL, PLATELET = "RBC", "WBC", "Platelets"
_KNOWN = (RED_CELL, WHITE_CELL, PLATELET)


def list_labelled(folder: Path, label_of: Mapping[str, int]) -> list[Example]:
    """The boxes of those kinds that `label_of` gives a label.

    Raises:
        DataError: a kind that the data set does not have.
    """
    found = list(read_boxes(folder, in_blocks=False))
    for box in found:
        if box.label not in _KNOWN:
            raise DataError(
                f"{folder / 'cells.json'}: {box.name} is labelled {box.label!r}; known: "
                f"{', '.join(_KNOWN)}"
            )
    return [
        Example(item.name, item.path, label_of[item.label], item.group, item.box)
        for item in found
        if item.label in label_of
    ]
