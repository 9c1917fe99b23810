"""Cells of IML_Malaria, healthy or parasitised: the new microscope for a nih-cells network."""

from __future__ import annotations

from pathlib import Path

from edge.contract.labels import PARASITISED, UNINFECTED, is_infected
from train.datasets.base import Example
from train.datasets.iml_fields import read_cells

FOLDER = "iml-fields"
LABELS = (UNINFECTED, PARASITISED)
POSITIVE = PARASITISED


def list_examples(folder: Path) -> list[Example]:
    """Every usable box; any stage is parasitised."""
    return [
        Example(cell.name, cell.path, int(is_infected(cell.label)), cell.group, cell.box)
        for cell in read_cells(folder)
    ]
