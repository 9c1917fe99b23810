"""Red cells of nih-cells, iml-cells and chula-cells together, each with the folds that it has.

For networks that learn what healthy cells look like: chula-cells holds no infected one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from train.datasets import chula_cells, iml_cells, nih_cells
from train.datasets.base import Example

JOINS = ("nih-cells", "iml-cells", "chula-cells")
FOLDER = "."
LABELS = nih_cells.LABELS
POSITIVE = nih_cells.POSITIVE


def list_examples(folder: Path) -> list[Example]:
    """Every cell of the three; `source` tells the collection, by the name of its data set."""
    return [
        replace(example, source=name)
        for name, module in zip(JOINS, (nih_cells, iml_cells, chula_cells), strict=True)
        for example in module.list_examples(folder / module.FOLDER)
    ]
