"""Studies in the report: tables that no run alone gives, `train/records/studies/NAME.json`.

    {
      "title": "Another microscope",
      "question": "Which of these keeps the teacher's AUC on a microscope it never saw?",
      "command": "clinicscope train travel … --out train/records/studies/travel.json",
      "columns": ["run", "AUC away", "from", "to"],
      "rows": [["malaria-cells-teacher", 0.97, 0.96, 0.98]],
      "note": "One row each; the field is the unit that is resampled."
    }

A cell is a text, a whole number, or a number (printed with four digits where it is within -1 to 1).
`note` may be left out. `train.studies` writes them; targets.toml may refer to a row and a column.
"""

from __future__ import annotations

import json
from pathlib import Path

from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain
from train.report.table import Table, value_text
from train.studies import Study


def read_studies(folder: Path) -> dict[str, Study]:
    """Studies by file name; none where there is no such folder.

    Raises:
        DataError: a file is no such table; its path is named.
    """
    return {path.stem: read_study(path) for path in sorted(folder.glob("*.json"))}


def read_study(path: Path) -> Study:
    """One study. Raises DataError: not JSON, unknown keys, or a row of another length."""
    try:
        study = from_plain(Study, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} is no table of a study: {error}") from error
    for number, row in enumerate(study.rows, start=1):
        if len(row) != len(study.columns):
            raise DataError(
                f"{path}: row {number} has {len(row)} cells for {len(study.columns)} columns"
            )
        strange = [cell for cell in row if not isinstance(cell, str | int | float)]
        if strange:
            raise DataError(f"{path}: row {number} holds {strange[0]!r}; text or number expected")
    return study


def table_of(study: Study) -> Table:
    """The cells as text; a column of numbers alone is set to the right."""
    numeric = tuple(
        index
        for index in range(len(study.columns))
        if study.rows and all(isinstance(row[index], int | float) for row in study.rows)
    )
    rows = tuple(tuple(_text(cell) for cell in row) for row in study.rows)
    return Table(tuple(study.columns), rows, numeric, study.note)


def _text(cell: str | float) -> str:
    if isinstance(cell, float):
        return value_text(cell) if abs(cell) <= 1 else f"{cell:.4g}"
    return str(cell)
