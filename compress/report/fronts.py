"""Fronts that searches found: `compress/records/search-NAME/front.json`, as table and plot.

    {
      "title": "malaria-cells on a Raspberry Pi 4",
      "command": "clinicscope compress search malaria-cells --device rpi4 …",
      "columns": ["trial", "AUC", "bytes", "ms (predicted)"],
      "rows": [["41", 0.9921, 61234, 0.8]],
      "cost": "bytes",
      "gain": "AUC",
      "note": "Predicted, not measured on the device."
    }

`cost` and `gain` name the columns that are drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.report.cells import Cell, Cells
from compress.report.plots import front_plot
from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain
from train.report.studies import table_of
from train.studies import Study

FRONT_GLOB = "search-*/front.json"


@dataclass(frozen=True)
class Front:
    """The trials that no other beats in every objective."""

    title: str
    command: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cost: str
    gain: str
    note: str = ""


@dataclass(frozen=True)
class FrontSection:
    """A front as it is printed."""

    front: Front
    cells: Cells
    picture: str


def front_sections(folder: Path) -> tuple[FrontSection, ...]:
    """The fronts of all searches, by folder name; none where there is none.

    Raises:
        DataError: a file is no such front; its path is named.
    """
    return tuple(_section(read_front(path)) for path in sorted(folder.glob(FRONT_GLOB)))


def read_front(path: Path) -> Front:
    """One front.

    Raises:
        DataError: not JSON, unknown keys, no rows, a row of another length, or a drawn column that
            is not there or holds no numbers.
    """
    try:
        front = from_plain(Front, json.loads(path.read_text(encoding="utf-8")), "front")
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} is no front of a search: {error}") from error
    for number, row in enumerate(front.rows, start=1):
        if len(row) != len(front.columns):
            raise DataError(
                f"{path}: row {number} has {len(row)} cells for {len(front.columns)} columns"
            )
    for name in (front.cost, front.gain):
        values = _column(front, name)
        if not values or not all(isinstance(value, int | float) for value in values):
            raise DataError(f"{path}: column {name!r} holds {values}; expected numbers to draw")
    return front


def _column(front: Front, name: str) -> list[Any]:
    if name not in front.columns:
        return []
    return [row[front.columns.index(name)] for row in front.rows]


def _section(front: Front) -> FrontSection:
    values = tuple(
        tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in front.rows
    )
    text = table_of(Study(front.title, "", front.command, front.columns, values))
    rows = tuple(tuple(Cell(cell) for cell in row) for row in text.rows)
    cells = Cells(tuple(Cell(name) for name in front.columns), rows, (False,) * len(rows))
    picture = front_plot(
        front.cost, front.gain, _column(front, front.cost), _column(front, front.gain)
    )
    return FrontSection(front, cells, picture)
