"""Tables of variants, as records keep them: `compress/records/TASK/table.json`.

A report needs nothing else, neither data nor weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from compress.layer_errors import LayerError
from compress.measure import VariantRow
from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain, to_plain

RECORDS_DIR = Path(__file__).parent / "records"
TABLE_FILE = "table.json"


@dataclass(frozen=True)
class LayerErrors:
    """The error that each layer of a quantised variant adds, worst first."""

    variant: str
    layers: tuple[LayerError, ...]


@dataclass(frozen=True)
class VariantTable:
    """All variants of a task, measured in one run.

    Attributes:
        labels: of the task, in order; AUC is macro where there are more than two.
        command: what makes it again.
        data: the examples that the figures were taken on, in words.
        folds: the folds that were pooled, so that each example counts once.
        machine: what it was timed on.
        reference: name of the row that differences are taken to.
        peers: rows of models that are not ours.
        notes: sentences below the table.
    """

    task: str
    title: str
    labels: tuple[str, ...]
    command: str
    data: str
    folds: tuple[int, ...]
    machine: str
    reference: str
    rows: tuple[VariantRow, ...]
    peers: tuple[VariantRow, ...] = ()
    layer_errors: tuple[LayerErrors, ...] = ()
    notes: tuple[str, ...] = ()


def write_table(path: Path, table: VariantTable) -> None:
    """Writes it whole, or not at all.

    Raises:
        DataError: a figure is not finite, or rows do not belong together.
    """
    _check(table, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(
        json.dumps(to_plain(table), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    partial.replace(path)


def read_table(path: Path) -> VariantTable:
    """One table.

    Raises:
        DataError: not JSON, unknown or missing keys, no rows, two of one name, or a figure that is
            not finite; the path is named.
    """
    try:
        table = from_plain(VariantTable, json.loads(path.read_text(encoding="utf-8")), "table")
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} is no table of variants: {error}") from error
    _check(table, path)
    return table


def read_tables(folder: Path = RECORDS_DIR) -> tuple[VariantTable, ...]:
    """The tables of all folders that hold one, by folder name.

    Raises:
        DataError: none, or as `read_table`.
    """
    found = tuple(read_table(path) for path in sorted(folder.glob(f"*/{TABLE_FILE}")))
    if not found:
        raise DataError(f"{folder} holds no TASK/{TABLE_FILE}; run `clinicscope compress run`")
    return found


def _check(table: VariantTable, path: Path) -> None:
    names = [row.name for row in (*table.rows, *table.peers)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not table.rows or twice or table.reference not in names:
        raise DataError(
            f"{path}: rows are {names}, with reference {table.reference!r}; expected at least one, "
            "each with a name of its own, the reference among them"
        )
    if broken := [place for place, value in _numbers(table, "") if not math.isfinite(value)]:
        raise DataError(f"{path}: {broken[0]} is not finite")


def _numbers(value: Any, place: str) -> Iterator[tuple[str, float]]:
    """Every float of nested dataclasses and tuples, and where it is."""
    if is_dataclass(value):
        for field in fields(value):
            yield from _numbers(getattr(value, field.name), f"{place}.{field.name}".lstrip("."))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{place}[{index}]")
    elif isinstance(value, float):
        yield place, value
