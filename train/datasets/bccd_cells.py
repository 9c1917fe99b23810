"""Red cells of BCCD: blood without malaria, so every positive call is false.

One label: nothing is fitted on it.
"""

from __future__ import annotations

from pathlib import Path

from edge.contract.labels import UNINFECTED
from train.datasets import bccd_fields
from train.datasets.base import Example

FOLDER = bccd_fields.FOLDER
LABELS = (UNINFECTED,)


def list_examples(folder: Path) -> list[Example]:
    """Every box of a red cell."""
    return bccd_fields.list_labelled(folder, {bccd_fields.RED_CELL: 0})
