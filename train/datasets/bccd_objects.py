"""White cells and platelets of BCCD: what lies on a smear and is no red cell."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge.contract.labels import PLATELET, WBC
from train.datasets import bccd_fields
from train.datasets.base import Example

NAME = "bccd-objects"
FOLDER = bccd_fields.FOLDER
LABELS = (WBC, PLATELET)


def list_examples(folder: Path) -> list[Example]:
    """Every box of a white cell or a platelet."""
    return bccd_fields.list_labelled(folder, {bccd_fields.WHITE_CELL: 0, bccd_fields.PLATELET: 1})


def is_held_out(example: Example) -> bool:
    """Whether it lies in the half of the fields that no fit sees, told by the field's name."""
    return hashlib.sha256(example.patient.encode()).digest()[0] % 2 == 1
