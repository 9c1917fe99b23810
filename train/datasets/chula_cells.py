"""Red cells of Chula-RBC-12 (Naruenatthanaset 2021, arXiv:2012.01321): thalassaemia, no malaria.

The truth is a point and one of 13 types for each cell, `points.csv`; every positive call is false.
One label: nothing is fitted on it. A field is a group of its own, since no patient is told.
"""

from __future__ import annotations

import csv
from pathlib import Path

from edge.contract.errors import DataError
from edge.contract.labels import UNINFECTED
from train.datasets.base import Box, Example

FOLDER = "chula-fields"
LABELS = (UNINFECTED,)
# Measured on the 2,120 cells that Otsu's threshold of green parts from all others: 42 px across
# (median), their points 4.5 px off the middle. A box of 50 px about the point holds half of them
# whole; a larger one would show neighbours.
SIDE_PX = 50


def list_examples(folder: Path) -> list[Example]:
    """A box about each point.

    Raises:
        DataError: points.csv is missing, or a line of it is no point.
    """
    path = folder / "points.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return [_example(folder, row, number) for number, row in enumerate(rows, start=2)]


def _example(folder: Path, row: dict[str, str], line: int) -> Example:
    try:
        image = folder / "images" / Path(row["file"]).name
        x_px, y_px = int(row["x_px"]), int(row["y_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / 'points.csv'}, line {line}: expected file, x_px, y_px; {error!r}"
        ) from error
    box = Box(x_px - SIDE_PX // 2, y_px - SIDE_PX // 2, SIDE_PX, SIDE_PX, "traced")
    return Example(f"{image.stem}-{line - 2}", image, 0, f"field{image.stem}", box)
