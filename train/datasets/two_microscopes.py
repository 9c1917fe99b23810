"""Red cells of nih-cells and iml-cells together, each collection with the folds that it has.

A student of both has seen the second microscope: its figure there is no longer that of a new one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from train.datasets import iml_cells, nih_cells
from train.datasets.base import Example

JOINS = ("nih-cells", "iml-cells")
FOLDER = "."
LABELS = nih_cells.LABELS
POSITIVE = nih_cells.POSITIVE


def list_examples(folder: Path) -> list[Example]:
    """Every cell of both; `source` tells the collection, by the name of its data set."""
    return [
        replace(example, source=name)
        for name, module in zip(JOINS, (nih_cells, iml_cells), strict=True)
        for example in module.list_examples(folder / module.FOLDER)
    ]
