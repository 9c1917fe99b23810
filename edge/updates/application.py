"""An update of the program itself: what it holds, and the folder of versions on a device.

Each version is an environment of its own in `versions/`; the link `current` names the one in force
and `previous` the one before. A version is there once its `version.json` is: it is written last.
Nothing here knows of signatures, records or the service.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ManifestError, StoreError
from edge.contract.records import from_plain, to_plain
from edge.store.files import disk_errors, make_folder, sync_folder, write_durably

# The name in the signature of every application, and the file inside that says what it is.
NAME, INFO_FILE, WHEELS_FOLDER = "clinicscope", "application.json", "wheels"
# What installs the wheels, where the version in use has no pip of its own.
TOOLS_FOLDER = "tools"
ROOT = Path("/opt/clinicscope")
VERSIONS, CURRENT, PREVIOUS = "versions", "current", "previous"
VERSION_FILE = "version.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ApplicationInfo:
    """What application.json says.

    Attributes:
        program: the version that the program says of itself ("0.2.0").
        machine: as `platform.machine()` says it; "any" where no wheel holds compiled code.
        python: that the wheels are for ("3.11").
        records: the newest migration of the records that it knows ("0011").
    """

    schema_version: int
    program: str
    machine: str
    python: str
    records: str


@dataclass(frozen=True)
class InstalledVersion:
    """A version on this device.

    Attributes:
        number: of its signature; 0 of what came with the device and not by an update.
    """

    path: Path
    program: str
    number: int = 0
    records: str = ""

    @property
    def command(self) -> Path:
        """Its program."""
        return self.path / "bin" / "clinicscope"


@dataclass(frozen=True)
class _Marker:
    """version.json."""

    program: str
    number: int
    records: str


def parse_info(content: bytes) -> ApplicationInfo:
    """Reads application.json.

    Raises:
        ManifestError: no JSON, an unknown key, another schema, or a version that names no folder.
    """
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{INFO_FILE} is no JSON ({error}); make the update again") from error
    info = from_plain(ApplicationInfo, plain, INFO_FILE)
    if info.schema_version != _SCHEMA_VERSION:
        raise ManifestError(
            f"{INFO_FILE} has schema {info.schema_version}, this program reads {_SCHEMA_VERSION}; "
            "install the version between first"
        )
    if not info.program.replace(".", "").isalnum() or info.program.startswith("."):
        raise ManifestError(f"the program's version is {info.program[:40]!r}; expected as 0.2.0")
    return info


def format_info(program: str, machine: str, python: str, records: str) -> bytes:
    """The bytes of application.json."""
    info = ApplicationInfo(_SCHEMA_VERSION, program, machine, python, records)
    return json.dumps(to_plain(info), indent=1).encode()


class Versions:
    """The versions of the program below a folder, and which of them is in force."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / VERSIONS

    @property
    def current(self) -> InstalledVersion | None:
        """The version in force."""
        return self._linked(CURRENT)

    @property
    def previous(self) -> InstalledVersion | None:
        """The version that was in force before."""
        return self._linked(PREVIOUS)

    def path_of(self, program: str) -> Path:
        """Where a version goes."""
        return self.folder / program

    def version_at(self, path: Path) -> InstalledVersion:
        """What lies there. One that an installer made may say nothing of itself but its name."""
        try:
            plain = json.loads((path / VERSION_FILE).read_bytes())
            marker = from_plain(_Marker, plain, VERSION_FILE)
        except (OSError, ValueError, ManifestError):
            return InstalledVersion(path, path.name)
        return InstalledVersion(path, marker.program, marker.number, marker.records)

    def complete(self, info: ApplicationInfo, number: int) -> InstalledVersion:
        """Says that a version is whole, once all of it is on the disk."""
        path = self.path_of(info.program)
        os.sync()  # thousands of files at once, where syncing each would take minutes
        marker = _Marker(info.program, number, info.records)
        write_durably(path / VERSION_FILE, json.dumps(to_plain(marker)).encode())
        sync_folder(self.folder)
        return InstalledVersion(path, info.program, number, info.records)

    def switch(self, to: InstalledVersion) -> None:
        """Puts a version in force at once: a power cut leaves the one or the other."""
        self._link(CURRENT, to.path)

    def keep_way_back(self) -> None:
        """The version in force becomes the one to go back to."""
        if self.current:
            self._link(PREVIOUS, self.current.path)

    def tidy(self) -> list[str]:
        """Removes what a cut update left, and versions that no link names; returns their names."""
        kept = {found.path for found in (self.current, self.previous) if found}
        removed = []
        for path in sorted(self.folder.glob("*")) if self.folder.is_dir() else ():
            if path not in kept:
                remove_tree(path)
                removed.append(path.name)
        for path in self.root.glob(".*.new"):
            path.unlink(missing_ok=True)
        return removed

    def _linked(self, name: str) -> InstalledVersion | None:
        link = self.root / name
        if not link.is_symlink():
            return None
        path = self.root / link.readlink()
        return self.version_at(path) if path.is_dir() else None

    def _link(self, name: str, path: Path) -> None:
        made = self.root / f".{name}.new"
        with disk_errors(self.root / name, 0):
            make_folder(self.root)
            made.unlink(missing_ok=True)
            made.symlink_to(path.relative_to(self.root))
            made.replace(self.root / name)
            sync_folder(self.root)


def remove_tree(path: Path) -> None:
    """Removes a folder; its marker first, so that half of it is never taken for a version.

    Raises:
        StoreError: it cannot be removed.
    """
    try:
        (path / VERSION_FILE).unlink(missing_ok=True)
        shutil.rmtree(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be removed ({error.strerror}); check the disk, then try again"
        ) from error
