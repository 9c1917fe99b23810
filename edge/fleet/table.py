"""The inventories of several devices as one table: a line each, the newest of each device."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.contract.errors import DataError
from edge.fleet.inventory import MOST_BYTES, Inventory, parse_inventory
from edge.interop.tables import neutral

COLUMNS = (
    "device_name", "model", "site", "at_utc", "program", "program_number", "on_trial",
    "last_update", "health", "not_well", "last_backup_utc", "waiting", "given_up", "bundles",
)  # fmt: skip
# Of a bundle's sha256, enough to tell two apart.
_DIGITS = 12


def read_inventories(paths: Iterable[Path]) -> tuple[list[Inventory], list[str]]:
    """Reads files, and every .json file of folders.

    Returns:
        the newest inventory of each device, by name; and what could not be read, in words.
    """
    found: dict[tuple[str, str], Inventory] = {}
    problems = []
    for path in _files(paths):
        try:
            one = parse_inventory(_read(path), path.name)
        except DataError as error:
            problems.append(str(error))
            continue
        key = (one.device_name, one.serial_hash)
        if key not in found or found[key].at_utc < one.at_utc:
            found[key] = one
    devices = sorted(found.values(), key=lambda one: (one.device_name, one.serial_hash))
    return devices, problems + _same_names(devices)


def row_of(found: Inventory) -> list[str]:
    """A device's line, by COLUMNS."""
    bundles = "; ".join(
        f"{one.task} {one.bundle_id} {one.version} {one.sha256[:_DIGITS]}"
        for one in found.bundles
        if one.active
    )
    told = vars(found) | {
        "bundles": bundles,
        "not_well": "; ".join(found.not_well),
    }
    return [neutral(told[name]) for name in COLUMNS]


def format_csv(devices: Sequence[Inventory]) -> str:
    """The table with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    writer.writerows(row_of(one) for one in devices)
    return text.getvalue()


def _files(paths: Iterable[Path]) -> list[Path]:
    found = []
    for path in paths:
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error


def _same_names(devices: Sequence[Inventory]) -> list[str]:
    names = [one.device_name for one in devices]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [
        f"two boards are called {name}; delete device.json on one of them, and it draws a new name"
        for name in twice
    ]
