"""What one device is, runs and lacks, for whoever looks after many. It holds nothing of a patient.

Of the checks it tells names and states, never their words: those may name a file or a label.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from edge.backup.freshness import last_backup
from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.health.check import OK, worst
from edge.health.quick import check_quick
from edge.identity import read_identity
from edge.installed import list_bundles
from edge.store.outbox import Outbox
from edge.store.records import UNSENT, WAITING
from edge.store.store import Store
from edge.updates.application import ROOT
from edge.updates.standing import standing_of

SCHEMA_VERSION = 1
# A list of one device is a few kilobytes.
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class BundleLine:
    """A bundle on the device.

    Attributes:
        sha256: of its manifest, which names all its other files.
    """

    task: str
    bundle_id: str
    version: int
    sha256: str
    active: bool


@dataclass(frozen=True)
class Inventory:
    """One device at one time.

    Attributes:
        model: of the board, as in `edge.identity`.
        serial_hash: tells two boards of one name apart; empty where the board has no number.
        program, program_number: the version in force, and the number that its update was signed
            with; 0 where it came with the device.
        on_trial: the program goes back by itself unless the page stays well.
        last_update: what became of the newest update of the program; empty where there was none.
        health: the worst state of the quick checks.
        not_well: "name: state" of each check that is not in order.
        last_backup_utc: empty where there was none.
        waiting, given_up: items of the queue to other systems.
    """

    schema_version: int
    device_name: str
    model: str
    serial_hash: str
    site: str
    at_utc: str
    program: str
    program_number: int
    on_trial: bool
    last_update: str
    bundles: tuple[BundleLine, ...]
    health: str
    not_well: tuple[str, ...]
    last_backup_utc: str
    waiting: int
    given_up: int


def take_inventory(store: Store, root: Path = ROOT) -> Inventory:
    """What this device is now.

    Args:
        store: its records.
        root: where the program's versions lie.

    Raises:
        ConfigError, StoreError: the config, the choices or the records cannot be read.
    """
    who, standing = read_identity(store.home), standing_of(root)
    checks = check_quick(store)
    backup, counts, last = last_backup(store), Outbox(store).counts(), standing.last
    return Inventory(
        schema_version=SCHEMA_VERSION,
        device_name=who.device_name,
        model=who.model,
        serial_hash=who.serial_hash,
        site=who.site,
        at_utc=store.now(),
        program=standing.program,
        program_number=standing.number,
        on_trial=standing.on_trial,
        last_update=f"{last.program or last.file} {last.outcome}" if last else "",
        bundles=_bundles(store.home),
        health=worst(checks),
        not_well=tuple(f"{one.name}: {one.state}" for one in checks if one.state != OK),
        last_backup_utc=backup.at_utc if backup else "",
        waiting=counts[WAITING],
        given_up=counts[UNSENT],
    )


def _bundles(home: Path) -> tuple[BundleLine, ...]:
    return tuple(
        BundleLine(one.task, one.bundle_id, one.version, one.sha256, one.active)
        for one in list_bundles(home)
        if not one.problem
    )


def lasting(found: Inventory) -> Inventory:
    """The same without what changes from hour to hour: two that differ here are worth telling."""
    return replace(found, at_utc="", waiting=0, given_up=0, last_backup_utc="", not_well=())


def format_inventory(found: Inventory) -> bytes:
    """As JSON."""
    return (json.dumps(to_plain(found), indent=1, ensure_ascii=False) + "\n").encode()


def parse_inventory(data: bytes, where: str) -> Inventory:
    """Reads what a device wrote.

    Raises:
        DataError: it is none, or of a version that this program does not know.
    """
    try:
        plain = json.loads(data[: MOST_BYTES + 1])
        schema = plain.get("schema_version") if isinstance(plain, dict) else None
        if schema != SCHEMA_VERSION:
            raise DataError(
                f"{where} has schema_version {schema!r}, this program reads {SCHEMA_VERSION}; give "
                "a file that `clinicscope fleet inventory` wrote, or update the program"
            )
        return from_plain(Inventory, plain, where)
    except (ValueError, RecursionError, ManifestError) as error:
        raise DataError(f"{where} is no device's inventory ({error}); get it again") from error
