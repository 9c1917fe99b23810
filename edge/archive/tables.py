"""The tables of an archive, made of its slides' parts in the order of their ids.

The same parts give the same bytes, whoever screened them and however often a run was broken off.
In a folder the new tables take the old ones' place in one step. Behind a URL they are written over
them file by file; `tables.json` is absent meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edge.archive.ahead import fetch_ahead
from edge.archive.libraries import need
from edge.archive.parts import COMPRESSION, DamagedPartError, read_part
from edge.archive.places import Place
from edge.archive.schema import TABLES, VERSION, arrow_schema
from edge.contract.errors import DataError
from edge.store.files import disk_errors, sync_folder

TABLES_FOLDER, SUMMARY_FILE = "tables", "tables.json"
_KEPT_PREFIX = ".tables-"
ROWS_A_GROUP = 1 << 16
ROWS_A_FILE = 1 << 20
MOST_WAITING = 256


@dataclass(frozen=True)
class TablesSummary:
    """What the tables hold, as tables.json says it.

    Attributes:
        digest: of the parts that they were made of.
        unreadable: slides of which no field is a picture.
    """

    digest: str
    slides: int
    fields: int
    cells: int
    unreadable: tuple[str, ...] = ()
    schema_version: int = VERSION


class _Table:
    """Writes rows as they come; a group of rows is in memory, never more."""

    def __init__(self, name: str, place: Place, folder: str) -> None:
        self._place, self._folder, self._name = place, folder, name
        self._schema = arrow_schema(name)
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._in_file = 0
        self._open = ExitStack()
        self._writer: Any = None
        self.rows = 0
        self.files: list[str] = []

    def add(self, rows: Any) -> None:
        self._waiting.append(rows)
        if len(self._waiting) > MOST_WAITING:
            # A row takes far less in a large table than in one of its own.
            self._waiting = [need("pyarrow").concat_tables(self._waiting).combine_chunks()]
        self._waiting_rows += len(rows)
        self.rows += len(rows)
        while self._waiting_rows >= ROWS_A_GROUP:
            self._write(ROWS_A_GROUP)

    def _write(self, count: int) -> None:
        pa = need("pyarrow")
        rows = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        if self._writer is None:
            self._next_file()
        self._writer.write_table(rows.slice(0, count).combine_chunks(), row_group_size=ROWS_A_GROUP)
        self._waiting = [rows.slice(count)]
        self._waiting_rows = len(rows) - min(count, len(rows))
        self._in_file += count
        if self._in_file >= ROWS_A_FILE:
            self._end_file()

    def _next_file(self) -> None:
        path = f"{self._folder}/{self._name}/part-{len(self.files):05d}.parquet"
        self.files.append(path)
        file = self._open.enter_context(self._place.create(path))
        writer = need("pyarrow.parquet").ParquetWriter(file, self._schema, **COMPRESSION)
        self._writer = self._open.enter_context(writer)

    def _end_file(self) -> None:
        self._open.close()
        self._writer, self._in_file = None, 0

    def finish(self) -> None:
        """Writes what waits; a table without rows is one file without rows."""
        if self._waiting_rows or not self.files:
            self._write(ROWS_A_GROUP)
        self._end_file()

    def abandon(self) -> None:
        """Closes what is open, whatever state it is in."""
        with suppress(Exception):
            self._open.close()


class DamagedPartsError(DataError):
    """Parts that cannot be read, by path; nothing was made of the others."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(f"damaged: {', '.join(paths)}")
        self.paths = paths


def make_tables(place: Place, paths: Callable[[], Iterator[str]]) -> TablesSummary:
    """Makes the tables of these parts, unless those that are there are of the same.

    Args:
        paths: the parts in the order of their slides' ids; called twice.

    Raises:
        StorageFullError, StoreError: they cannot be written; in a folder the earlier ones stay.
        DamagedPartsError: parts that must be removed first.
        OSError: a part cannot be fetched.
    """
    digest = hashlib.sha256(f"{VERSION}\n".encode())
    for path in paths():
        digest.update(f"{path}\n".encode())
    name = digest.hexdigest()[:16]
    if (found := read_summary(place)) and found.digest == name:
        return found
    if place.local:
        return _make_in_folder(place, place.local, name, paths)
    _remove_tables(place)
    summary, files = _write_tables(place, TABLES_FOLDER, name, paths())
    _remove_others(place, files)
    _write_summary(place, TABLES_FOLDER, summary)
    return summary


def read_summary(place: Place) -> TablesSummary | None:
    """What the tables there are made of; None where they are not whole."""
    try:
        plain = json.loads(place.read(f"{TABLES_FOLDER}/{SUMMARY_FILE}"))
        return TablesSummary(**plain | {"unreadable": tuple(plain["unreadable"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _make_in_folder(
    place: Place, root: Path, name: str, paths: Callable[[], Iterator[str]]
) -> TablesSummary:
    new, link = f"{_KEPT_PREFIX}{name}", root / TABLES_FOLDER
    current = str(link.readlink()) if link.is_symlink() else ""
    _clear(root, current)
    try:
        with disk_errors(link, 0):
            summary, _ = _write_tables(place, new, name, paths())
            _write_summary(place, new, summary)
            if link.is_dir() and not link.is_symlink():
                # A copy of an --out may have a folder in the link's place.
                link.rename(root / f"{_KEPT_PREFIX}copy")
            beside = root / f"{_KEPT_PREFIX}link"
            beside.symlink_to(new)
            beside.replace(link)
            sync_folder(root)
    except BaseException:
        _clear(root, current)
        raise
    _clear(root, new)
    return summary


def _clear(root: Path, kept: str) -> None:
    """Removes tables that are not, or no longer, in use."""
    for path in root.glob(f"{_KEPT_PREFIX}*"):
        if path.is_symlink():
            path.unlink()
        elif path.name != kept:
            shutil.rmtree(path, ignore_errors=True)


def _write_tables(
    place: Place, folder: str, name: str, paths: Iterable[str]
) -> tuple[TablesSummary, list[str]]:
    tables = {table: _Table(table, place, folder) for table in TABLES}
    unreadable, damaged = [], []
    try:
        for path, part in fetch_ahead(partial(_fetch, place), paths):
            if part is None:
                damaged.append(path)
                continue
            for table, rows in part.items():
                tables[table].add(rows)
            slide = part["slides"].select(["slide_id", "fields_undecodable"]).to_pylist()[0]
            if slide["fields_undecodable"] == len(part["fields"]):
                unreadable.append(slide["slide_id"])
        if damaged:
            raise DamagedPartsError(damaged)
        for one in tables.values():
            one.finish()
    except BaseException:
        for one in tables.values():
            one.abandon()
        raise
    counts = {table: tables[table].rows for table in TABLES}
    files = [file for one in tables.values() for file in one.files]
    return TablesSummary(name, **counts, unreadable=tuple(unreadable)), files


def _fetch(place: Place, path: str) -> dict[str, Any] | None:
    """A part's rows; None where it is damaged."""
    try:
        return read_part(place.read(path))
    except DamagedPartError:
        return None


def _write_summary(place: Place, folder: str, summary: TablesSummary) -> None:
    content = json.dumps(asdict(summary), indent=1, ensure_ascii=False) + "\n"
    place.write(f"{folder}/{SUMMARY_FILE}", content.encode())


def _remove_tables(place: Place) -> None:
    place.remove(f"{TABLES_FOLDER}/{SUMMARY_FILE}")


def _remove_others(place: Place, files: list[str]) -> None:
    """Files of longer tables that were there before."""
    for table in TABLES:
        folder = f"{TABLES_FOLDER}/{table}"
        for entry in place.entries(folder):
            if f"{folder}/{entry.name}" not in files:
                place.remove(f"{folder}/{entry.name}")
