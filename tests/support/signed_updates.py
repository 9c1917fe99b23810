"""Signed bundles as an engineer makes them, and a device that trusts her key."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.bundle import MANIFEST
from edge.identity import Identity
from edge.installed import SHIPPED_DIR
from edge.store.store import Store
from edge.updates.keys import SecretKey, make_key
from edge.updates.signing import describe_bundle, sign_update
from edge.updates.stage import Asked
from edge.updates.trust import TRUST_DIR, Trust, add_key, read_trust

NOW = "2026-11-26T12:00:00+00:00"
DEVICE = Identity("clinicscope-k7x2", "rpi5", "", "Moshi")


def make_bundle(folder: Path, version: int, shipped: str = "malaria-cells-5") -> Path:
    """An unsigned copy of a shipped bundle with another id and version."""
    bundle_id = f"{shipped.rpartition('-')[0]}-{version}"
    path = Path(shutil.copytree(SHIPPED_DIR / shipped, folder / bundle_id))
    manifest = json.loads((path / MANIFEST).read_text())
    manifest |= {"bundle_id": bundle_id, "version": version}
    (path / MANIFEST).write_text(json.dumps(manifest))
    return path


def sign_bundle(
    path: Path, key: SecretKey, devices: tuple[str, ...] = ("any",), sites: tuple[str, ...] = ()
) -> Path:
    """Signs it where it is."""
    sign_update(path, describe_bundle(path, devices, sites, NOW), key)
    return path


def zipped(path: Path) -> Path:
    """The same as a zip beside it."""
    return Path(shutil.make_archive(str(path), "zip", path))


def spoil_golden(path: Path) -> Path:
    """A bundle whose files are as its manifest says, and whose answers are not its golden ones."""
    manifest = json.loads((path / MANIFEST).read_text())
    file = manifest["golden"]["outputs"]["logit"]
    array = np.load(path / file)
    np.save(path / file, array + 3)
    manifest["files"][file] = hashlib.sha256((path / file).read_bytes()).hexdigest()
    (path / MANIFEST).write_text(json.dumps(manifest))
    return path


# A database as a new device makes it, once a test session has one.
_new_records: list[Path] = []


def keep_new_records(path: Path) -> None:
    """Every clinic made from now on begins with a copy of it."""
    _new_records[:] = [path]


@dataclass(frozen=True)
class Clinic:
    """A device's data directory and the key that it trusts."""

    home: Path
    key: SecretKey
    engineer: Path

    def trust(self) -> Trust:
        """As the device finds it."""
        folder = self.home / TRUST_DIR
        return read_trust((folder,), (folder,))

    def asked(self, by: str = "Ana", **more: bool) -> Asked:
        """Who brings an update."""
        return Asked(by, self.trust(), DEVICE, **more)

    def bundle(self, version: int, shipped: str = "malaria-cells-5") -> Path:
        """A signed one on the engineer's disk."""
        return sign_bundle(make_bundle(self.engineer, version, shipped), self.key)

    def store(self) -> Store:
        """Its records; close them."""
        return Store(self.home)


def make_clinic(folder: Path) -> Clinic:
    """A new one."""
    home, engineer = folder / "home", folder / "engineer"
    for path in (home, engineer):
        path.mkdir(exist_ok=True)
    for records in _new_records:
        shutil.copy(records, home)
    key = make_key()
    add_key(home / TRUST_DIR, key.public)
    return Clinic(home, key, engineer)
