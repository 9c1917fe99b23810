"""Red cells of nih-cells, iml-cells and chula-cells together, each with the folds that it has.

For networks that learn what healthy cells look like: chula-cells holds no infected one. Of cells in
boxes some come a second time with all that is in the box, as a person may cut them out.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

from train.datasets import chula_cells, iml_cells, nih_cells
from train.datasets.base import Example

JOINS = ("nih-cells", "iml-cells", "chula-cells")
FOLDER = "."
LABELS = nih_cells.LABELS
POSITIVE = nih_cells.POSITIVE
UNMASKED = " unmasked"
# One in so many, by a hash of the name.
_UNMASKED_OF = {"iml-cells": 8, "chula-cells": 2}


def list_examples(folder: Path) -> list[Example]:
    """Every cell of the three; `source` tells the collection, and whether it is unmasked."""
    found = []
    for name, module in zip(JOINS, (nih_cells, iml_cells, chula_cells), strict=True):
        own = [
            replace(example, source=name)
            for example in module.list_examples(folder / module.FOLDER)
        ]
        found += own + [_unmasked(example) for example in own if _comes_twice(example)]
    return found


def _comes_twice(example: Example) -> bool:
    every = _UNMASKED_OF.get(example.source)
    return every is not None and zlib.crc32(example.name.encode()) % every == 0


def _unmasked(example: Example) -> Example:
    return replace(
        example,
        name=f"{example.name}{UNMASKED}",
        box=replace(example.box, outline="box") if example.box else None,
        source=f"{example.source}{UNMASKED}",
    )
