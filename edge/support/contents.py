"""What the file for support holds: the device, its settings, its checks, its log; no record."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import distributions
from typing import Any

from sqlalchemy import func, select

from edge.bench.machine import read_machine
from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError
from edge.contract.records import to_plain
from edge.health import Check
from edge.installed import list_bundles
from edge.log_file import log_files
from edge.starts import read_starts
from edge.store.outbox import Outbox
from edge.store.schema import SpecimenRow
from edge.store.store import Store
from edge.support.redact import GONE, Redactor, identifiers_of

README = """\
This file was made by ClinicScope for whoever helps with this device.

It holds: the machine and its packages, the settings, the bundles, the outcome of every check, the
starts of the service, how many records there are of each kind, and the program's log.

It holds no patient data: no result, no image, no label, no barcode and no name of a file that was
uploaded. Each of these that the records know was searched for in the texts, and taken out.
Passwords, addresses of servers and other texts of the settings were taken out, too.
"""
# Texts of the settings that name parts of this program or of a machine, not people or secrets.
_PLAIN_KEYS = (
    "name", "names", "kind", "runtimes", "task", "bundle_id", "bundle_sha256", "checked_utc",
    "smear", "thick", "title", "source", "verdicts", "send", "since", "language", "pixel_format",
    "device", "sensor", "white_balance",
)  # fmt: skip


def support_parts(store: Store, config: DeviceConfig, checks: Sequence[Check]) -> dict[str, bytes]:
    """Every file by its name. A part that cannot be made says why: help is asked for when things
    are broken.

    Args:
        store: the clinic's records, which tell what has to be taken out.
        config: the device's.
        checks: as `doctor` makes them.

    Raises:
        StoreError: the records cannot be read, so that nobody knows what has to be taken out.
    """
    redactor = Redactor(_identifiers(store, config))
    makers: dict[str, Callable[[], str]] = {
        "device.json": lambda: _json(_device()),
        "settings.json": lambda: _json(plain_settings(to_plain(config))),
        "bundles.json": lambda: _json([to_plain(found) for found in list_bundles(store.home)]),
        "checks.json": lambda: _json([to_plain(check) for check in checks]),
        "counts.json": lambda: _json(_counts(store)),
        "starts.json": lambda: _json(to_plain(read_starts(store.home))),
    }
    for path in log_files(store.home):
        makers[f"logs/{path.name}"] = partial(path.read_text, encoding="utf-8", errors="replace")
    parts = {name: redactor.clean(_made(make)).encode() for name, make in makers.items()}
    return {"README.txt": README.encode()} | parts


def _made(make: Callable[[], str]) -> str:
    try:
        return make()
    except (ClinicScopeError, OSError) as error:
        return f"this part could not be made: {error}\n"


def plain_settings(value: Any, key: str = "") -> Any:
    """Settings without any text but those that are known to be harmless."""
    if isinstance(value, Mapping):
        return {name: plain_settings(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain_settings(inner, key) for inner in value]
    return GONE if isinstance(value, str) and value and key not in _PLAIN_KEYS else value


def _identifiers(store: Store, config: DeviceConfig) -> Iterator[str]:
    yield from identifiers_of(store)
    if config.site:
        yield config.site.checked_by


def _device() -> dict[str, Any]:
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "machine": to_plain(read_machine()),
        "python": sys.version,
        "system": platform.platform(),
        "packages": dict(sorted(packages.items())),
    }


def _counts(store: Store) -> dict[str, Any]:
    query = select(SpecimenRow.status, func.count()).group_by(SpecimenRow.status)
    with store.session() as session:
        specimens = {row[0]: row[1] for row in session.execute(query)}
    return {"specimens": specimens, "to_be_sent": Outbox(store).counts(), "now": store.now()}


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
