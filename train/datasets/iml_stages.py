"""Parasitised cells of IML_Malaria by stage. There are 22 schizonts: their figures are rough."""

from __future__ import annotations

from pathlib import Path

from edge.contract.labels import STAGES
from train.datasets.base import Example
from train.datasets.iml_fields import read_cells

FOLDER = "iml-fields"
LABELS = STAGES


def list_examples(folder: Path) -> list[Example]:
    """Every usable box of a parasitised cell."""
    return [
        Example(cell.name, cell.path, LABELS.index(cell.label), cell.group, cell.box)
        for cell in read_cells(folder)
        if cell.label in LABELS
    ]
