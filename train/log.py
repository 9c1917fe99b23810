"""The log of a fit: a row an epoch, whole on disk, and read back as it was decided on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

LOG_COLUMNS = (
    "epoch",
    "learning_rate",
    "loss",
    "accuracy",
    "validation_loss",
    "validation_auc",
    "validation_accuracy",
    "seconds",
)


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of `log.csv`; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def write_log(
    path: Path, rows: list[dict[str, float]], columns: Sequence[str] = LOG_COLUMNS
) -> None:
    """Writes `log.csv` whole."""
    partial = path.with_suffix(".part")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _as_text(row[key]) for key in columns})
    partial.replace(path)


def _as_text(value: float) -> str:
    return f"{value:.6g}"


def as_logged(row: dict[str, float]) -> dict[str, float]:
    """The row as it will be read back, so that a resumed fit decides on the same numbers."""
    return {key: float(_as_text(value)) for key, value in row.items()}
