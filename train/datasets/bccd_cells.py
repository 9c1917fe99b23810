"""Red cells of BCCD (boxes of full fields): blood without malaria, so every positive call is false.

One label: nothing is fitted on it. A field is a group of its own, since no patient is told.
"""

from __future__ import annotations

from pathlib import Path

from edge.contract.errors import DataError
from edge.contract.labels import UNINFECTED
from train.datasets.base import Example
from train.datasets.fields import read_boxes

FOLDER = "bccd-fields"
LABELS = (UNINFECTED,)
RED_CELL = "RBC"
_OTHERS = ("WBC", "Platelets")


def list_examples(folder: Path) -> list[Example]:
    """Every box of a red cell.

    Raises:
        DataError: a label that the data set does not have.
    """
    found = list(read_boxes(folder, in_blocks=False))
    for box in found:
        if box.label not in (RED_CELL, *_OTHERS):
            raise DataError(
                f"{folder / 'cells.json'}: {box.name} is labelled {box.label!r}; known: "
                f"{', '.join((RED_CELL, *_OTHERS))}"
            )
    return [
        Example(cell.name, cell.path, 0, cell.group, cell.box)
        for cell in found
        if cell.label == RED_CELL
    ]
