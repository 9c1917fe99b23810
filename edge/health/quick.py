"""Checks that take milliseconds: the appliance makes them whenever it is asked how it is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge.bench.sensors import ROOT
from edge.contract.errors import ClinicScopeError
from edge.health.card import check_card
from edge.health.certificate import check_certificate
from edge.health.check import FAILED, Check
from edge.health.disk import check_disk, check_home
from edge.health.machine import check_machine
from edge.health.records import check_ages
from edge.health.restarts import check_restarts
from edge.health.updates import check_updates
from edge.store.store import DATABASE_FILE, Store


def check_quick(store: Store, root: Path = ROOT) -> list[Check]:
    """The device, and the ages of what is in its records."""
    return [*check_device(store.home, root), *check_ages(store)]


def check_device(home: Path, root: Path = ROOT) -> list[Check]:
    """The device without its records."""
    return [
        check_disk(home),
        check_card(root),
        *check_machine(root),
        *check_certificate(home),
        check_updates(home),
        check_restarts(home),
    ]


def check_home_quickly(home: Path) -> list[Check]:
    """The same for who has no records open, and is not to make any."""
    writable = check_home(home)
    if writable.state == FAILED:
        return [writable]
    if not (home / DATABASE_FILE).is_file():
        return [writable, *check_device(home)]
    try:
        with closing(Store(home)) as store:
            return [writable, *check_quick(store)]
    except ClinicScopeError as error:
        return [writable, *check_device(home), Check("records", FAILED, str(error), _RESTORE)]


_RESTORE = "run `clinicscope doctor --repair`; if that does not help, restore a backup"
