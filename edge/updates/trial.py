"""A new version of the program on trial: since when, how often it was started, what became of it.

Beside the versions lie `trial.json`, which is there while the version in force is not yet known to
be good, `trial.starts`, which the guard before the service's start lengthens by a byte, and
`last-update.json` for the page. They are root's: the service reads them and cannot write them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.store.files import sync_folder, write_durably
from edge.updates.application import InstalledVersion, Versions

TRIAL_FILE, STARTS_FILE, LAST_FILE, REFUSED_FILE = (
    "trial.json",
    "trial.starts",
    "last-update.json",
    "taken-back.json",
)
# What became of the last update.
REFUSED, ON_TRIAL, GOOD, TAKEN_BACK = "refused", "on trial", "good", "taken back"
_MOST_KEPT = 20
T = TypeVar("T")


@dataclass(frozen=True)
class Trial:
    """A version in force that is not yet known to be good.

    Attributes:
        program, number: of the version.
        before: the program's version to go back to.
        records: file name of the copy of the records made before; empty where there was none.
    """

    program: str
    number: int
    before: str
    began_utc: str
    records: str = ""


@dataclass(frozen=True)
class LastUpdate:
    """What became of the newest update, for the page and for whoever asks."""

    file: str
    program: str
    number: int
    outcome: str
    why: str
    at_utc: str


@dataclass(frozen=True)
class TakenBack:
    """A version that failed here."""

    program: str
    number: int
    why: str
    at_utc: str


@dataclass(frozen=True)
class _TakenBackList:
    versions: tuple[TakenBack, ...] = ()


def utc_now() -> str:
    """The time as ISO 8601 with offset, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def begin_trial(versions: Versions, new: InstalledVersion, records: str) -> Trial:
    """Written before the switch: from then on the device can go back by itself."""
    before = versions.current
    trial = Trial(new.program, new.number, before.program if before else "", utc_now(), records)
    (versions.root / STARTS_FILE).unlink(missing_ok=True)
    _write(versions.root / TRIAL_FILE, trial)
    return trial


def read_trial(versions: Versions) -> Trial | None:
    """The trial of the version in force; None where it is known to be good.

    What was written before a switch that never came is removed: the old version is in force.

    Raises:
        ConfigError: the file is damaged.
    """
    trial = _read(versions.root / TRIAL_FILE, Trial)
    if trial is None:
        return None
    current = versions.current
    if current is not None and current.program != trial.program:
        return None
    return trial


def end_trial(versions: Versions) -> None:
    """The version in force is no longer on trial."""
    (versions.root / TRIAL_FILE).unlink(missing_ok=True)
    (versions.root / STARTS_FILE).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        sync_folder(versions.root)


def tell(versions: Versions, last: LastUpdate) -> None:
    """Keeps what became of an update."""
    _write(versions.root / LAST_FILE, last)


def last_update(versions: Versions) -> LastUpdate | None:
    """What became of the newest update; None where there was none, or where nobody knows."""
    try:
        return _read(versions.root / LAST_FILE, LastUpdate)
    except ConfigError:
        return None


def keep_taken_back(versions: Versions, trial: Trial, why: str) -> None:
    """Remembers a version that failed here, so that no stick brings it again by itself."""
    known = [one for one in taken_back(versions) if one.number != trial.number]
    new = TakenBack(trial.program, trial.number, why, utc_now())
    _write(versions.root / REFUSED_FILE, _TakenBackList((*known, new)[-_MOST_KEPT:]))


def taken_back(versions: Versions) -> tuple[TakenBack, ...]:
    """The versions that failed here, oldest first. Raises ConfigError."""
    found = _read(versions.root / REFUSED_FILE, _TakenBackList)
    return found.versions if found else ()


def _write(path: Path, value: object) -> None:
    write_durably(path, json.dumps(to_plain(value), indent=1).encode())


def _read(path: Path, kind: Callable[..., T]) -> T | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return from_plain(kind, json.loads(content), path.name)  # type: ignore[arg-type]
    except (ValueError, RecursionError, ManifestError) as error:
        raise ConfigError(f"{path} is damaged ({error}); remove it") from error
