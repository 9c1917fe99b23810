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
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from edge.archive.ahead import fetch_ahead
from edge.archive.parts import DamagedPartError, read_part
from edge.archive.places import Place, why
from edge.archive.schema import TABLES, VERSION
from edge.archive.table_writer import TableWriter
from edge.contract.errors import DataError, StoreError
from edge.store.files import disk_errors, sync_folder

TABLES_FOLDER, SUMMARY_FILE = "tables", "tables.json"
_KEPT_PREFIX = ".tables-"


@dataclass(frozen=True)
class TablesSummary:
    """What the tables hold, as tables.json says it.

    Attributes:
        digest: of the parts that they were made of.
        unreadable: slides of which no field is a picture.
        files: their paths below `tables`, and their sizes in bytes.
    """

    digest: str
    slides: int
    fields: int
    cells: int
    unreadable: tuple[str, ...] = ()
    schema_version: int = VERSION
    files: dict[str, int] = field(default_factory=dict)


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
        StorageFullError, StoreError: they cannot be written, or a part cannot be read; in a folder
            the earlier ones stay.
        DamagedPartsError: parts that must be removed first.
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
    return _write_summary(place, TABLES_FOLDER, summary)


def read_summary(place: Place) -> TablesSummary | None:
    """What the tables there are made of; None where they are not whole."""
    try:
        plain = json.loads(place.read(f"{TABLES_FOLDER}/{SUMMARY_FILE}"))
        summary = TablesSummary(**plain | {"unreadable": tuple(plain["unreadable"])})
        return summary if summary.files == _sizes(place, TABLES_FOLDER) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _sizes(place: Place, folder: str) -> dict[str, int]:
    """Of each table's files."""
    return {
        f"{table}/{entry.name}": entry.size_bytes
        for table in TABLES
        for entry in place.entries(f"{folder}/{table}")
    }


def _make_in_folder(
    place: Place, root: Path, name: str, paths: Callable[[], Iterator[str]]
) -> TablesSummary:
    new, link = f"{_KEPT_PREFIX}{name}", root / TABLES_FOLDER
    current = str(link.readlink()) if link.is_symlink() else ""
    if current == new:
        # Of the same parts, but no longer whole.
        new += "-again"
    _clear(root, current)
    try:
        with disk_errors(link, 0):
            summary, _ = _write_tables(place, new, name, paths())
            summary = _write_summary(place, new, summary)
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
    tables = {table: TableWriter(table, place, folder) for table in TABLES}
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
    files = [file for one in tables.values() for file in one.files]
    summary = TablesSummary(
        name,
        tables["slides"].rows,
        tables["fields"].rows,
        tables["cells"].rows,
        tuple(unreadable),
    )
    return summary, files


def _fetch(place: Place, path: str) -> dict[str, Any] | None:
    """A part's rows; None where it is damaged."""
    try:
        return read_part(place.read(path))
    except DamagedPartError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path} in {place.url} cannot be read ({why(error)}); what is done stays: give the "
            "same command again"
        ) from error


def _write_summary(place: Place, folder: str, summary: TablesSummary) -> TablesSummary:
    summary = replace(summary, files=_sizes(place, folder))
    content = json.dumps(asdict(summary), indent=1, ensure_ascii=False) + "\n"
    place.write(f"{folder}/{SUMMARY_FILE}", content.encode())
    return summary


def _remove_tables(place: Place) -> None:
    place.remove(f"{TABLES_FOLDER}/{SUMMARY_FILE}")


def _remove_others(place: Place, files: list[str]) -> None:
    """Files of longer tables that were there before."""
    for table in TABLES:
        folder = f"{TABLES_FOLDER}/{table}"
        for entry in place.entries(folder):
            if f"{folder}/{entry.name}" not in files:
                place.remove(f"{folder}/{entry.name}")
