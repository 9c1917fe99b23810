"""The lowest version that this device takes of each kind and name: it goes up, and never down.

Without it whoever finds an old stick could bring back what a newer version mended. A device that
takes its own version back keeps the floor, so that only the device itself goes back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from edge.contract.errors import BusyError, ConfigError, ManifestError, OldVersionError
from edge.contract.records import from_plain, to_plain
from edge.store.files import make_folder, write_durably
from edge.updates.signature import Envelope

FLOORS_FILE, LOCK_FILE = "updates.json", "updates.lock"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Floor:
    """The newest version that was ever put in use.

    Attributes:
        content: what `content_digest` says of it; empty where only the version is known.
    """

    version: int
    content: str = ""


@dataclass(frozen=True)
class _Floors:
    """By "kind/name"."""

    schema_version: int
    floors: dict[str, Floor]


def content_digest(envelope: Envelope) -> str:
    """Two updates of the same content have the same, whoever signed them and when."""
    said = [envelope.kind, envelope.name, envelope.version, sorted(envelope.files.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def floor_of(home: Path, kind: str, name: str) -> Floor:
    """The floor; version 0 where there is none yet.

    Raises:
        ConfigError: the file is damaged.
    """
    return _read(home).get(f"{kind}/{name}", Floor(0))


def check_not_older(envelope: Envelope, floor: Floor) -> None:
    """Lets a newer version pass, and the very same once more.

    Raises:
        OldVersionError: it is older, or another one of the same number.
    """
    if envelope.version < floor.version:
        raise OldVersionError(
            f"{envelope} is older than version {floor.version}, which this device has had; an "
            "older one is never taken from outside. To go back, use the device's own way back"
        )
    same = floor.content in ("", content_digest(envelope))
    if envelope.version == floor.version and not same:
        raise OldVersionError(
            f"{envelope} is not the version {floor.version} that this device has had: two updates "
            "carry one number; ask who made it for one with a higher number"
        )


def raise_floor(home: Path, envelope: Envelope) -> None:
    """From now on nothing older is taken. Raises ConfigError, StoreError."""
    floors, key = _read(home), f"{envelope.kind}/{envelope.name}"
    if envelope.version < floors.get(key, Floor(0)).version:
        return
    floors[key] = Floor(envelope.version, content_digest(envelope))
    text = json.dumps(to_plain(_Floors(SCHEMA_VERSION, floors)), indent=1) + "\n"
    write_durably(home / FLOORS_FILE, text.encode())


@contextmanager
def updating(home: Path) -> Iterator[None]:
    """Holds the device's updates for this process; the lock is gone when its process is.

    Raises:
        BusyError: another process is at an update.
    """
    make_folder(home)
    with (home / LOCK_FILE).open("ab") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("another update is at work on this device; wait for its end") from error
        yield


def _read(home: Path) -> dict[str, Floor]:
    path = home / FLOORS_FILE
    if not path.exists():
        return {}
    try:
        kept = from_plain(_Floors, json.loads(path.read_bytes()), FLOORS_FILE)
        if kept.schema_version != SCHEMA_VERSION:
            raise ValueError(f"schema_version {kept.schema_version}")
        return dict(kept.floors)
    except (ValueError, RecursionError, ManifestError) as error:
        raise ConfigError(
            f"{path} is damaged ({error}); nobody knows which versions this device has had. Remove "
            "it if you watch yourself that no older update is brought"
        ) from error
