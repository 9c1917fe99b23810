"""Cells that people judged on devices, as `clinicscope export corrections` writes them.

Of several exports, give each a folder of its own below `corrections`. Labels of what is no red
cell are left out. The patient is the site's pseudonym with the site before it, since two sites may
both have a P-1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from edge.contract.errors import DataError, ImageError
from edge.contract.image_header import read_header
from edge.contract.labels import NON_RBC, PARASITISED, UNINFECTED, is_infected
from train.datasets.base import Box, Example

FOLDER = "corrections"
LABELS = (UNINFECTED, PARASITISED)
POSITIVE = PARASITISED
TABLE = "corrections.csv"


def list_examples(folder: Path) -> list[Example]:
    """Every red cell that a person judged; any stage is parasitised.

    Raises:
        DataError: there is no table, or it names a crop that is not there.
    """
    tables = sorted(folder.rglob(TABLE))
    if not tables:
        raise DataError(f"{folder} has no {TABLE}; export there: clinicscope export corrections")
    return [example for table in tables for example in _read(table, folder)]


def _read(table: Path, folder: Path) -> Iterator[Example]:
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                name, label, site = row["file"], row["label"], row["site"]
                patient = row["patient"]
            except KeyError as error:
                raise DataError(f"{table} has no column {error}; export it again") from error
            if label in NON_RBC:
                continue
            path = table.parent / name
            stem = path.relative_to(folder).with_suffix("").as_posix()
            yield Example(
                stem, path, int(is_infected(label)), f"{site}/{patient}", _whole(path), site
            )


def _whole(path: Path) -> Box:
    """The crop with the outline of a cell: it was cut out without any mask."""
    try:
        header = read_header(path.read_bytes())
    except (OSError, ImageError) as error:
        raise DataError(f"{path} cannot be read ({error}); export it again") from error
    return Box(0, 0, header.width_px, header.height_px)
