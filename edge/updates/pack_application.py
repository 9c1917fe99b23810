"""Makes an update of the program on a workstation: our wheel, and each locked wheel for the device.

It holds all that it needs, so a device without any network installs it. Signing is another step.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edge.contract.errors import ConflictError, DataError, UpdateError
from edge.store.files import make_folder, write_durably
from edge.updates.application import INFO_FILE, TOOLS_FOLDER, WHEELS_FOLDER, format_info

LOCK = Path("requirements/device.lock")
_MIGRATIONS = Path("edge/store/migrations/versions")
_MIGRATION = re.compile(r"(\d{4})_\w+\.py")
# What makes the wheel, and nothing else of a checkout.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "edge", "web_ui", "train", "compress")
_WHEEL = re.compile(r"clinicscope-([^-]+)-.*\.whl")
# glibc of Debian 12 is 2.36; JetPack 6's is 2.35, which wheels of these tags do not exceed in fact.
_GLIBC_MINORS = range(17, 37)
_LOCKED = ("--no-deps", "--require-hashes")
_OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Debian takes pip out of Python and keeps it there (python3-pip-whl).
_DEBIAN_WHEELS = Path("/usr/share/python-wheels")
_MOST_TOLD = 800


@dataclass(frozen=True)
class PackedApplication:
    """An update that is not signed yet."""

    program: str
    machine: str
    python: str
    wheels: int
    size_bytes: int


def pack_application(
    checkout: Path, out: Path, machine: str, python: str, also: Sequence[Path] = ()
) -> PackedApplication:
    """Makes the folder of an update.

    Args:
        checkout: the project's sources with `requirements/device.lock`.
        out: a folder to make.
        machine: aarch64 or x86_64.
        python: of the device, as 3.11.
        also: other locks, whose packages are built here where this machine is as the device.

    Raises:
        ConflictError: `out` is there already.
        DataError: the checkout is none.
        UpdateError: pip cannot build or get a wheel; with its words.
    """
    if out.exists():
        raise ConflictError(f"{out} is there already; remove it, or give another --out")
    records = newest_migration(checkout)
    wheels = out / WHEELS_FOLDER
    make_folder(wheels)
    try:
        program = build_wheel(checkout, wheels)
        fetch_wheels(checkout / LOCK, wheels, machine, python)
        for lock in also:
            if (machine, python) == (platform.machine(), _OWN_PYTHON):
                _pip("wheel", *_LOCKED, "--no-build-isolation", "--wheel-dir", wheels, "-r", lock)
            else:
                fetch_wheels(lock, wheels, machine, python)
        take_pip(out / TOOLS_FOLDER)
        write_durably(out / INFO_FILE, format_info(program, machine, python, records))
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    found = sorted(wheels.iterdir())
    size = sum(wheel.stat().st_size for wheel in found)
    return PackedApplication(program, machine, python, len(found), size)


def newest_migration(checkout: Path) -> str:
    """The newest migration of the records that a checkout has. Raises DataError."""
    folder = checkout / _MIGRATIONS
    found = [_MIGRATION.fullmatch(path.name) for path in folder.glob("*.py")]
    numbers = [one[1] for one in found if one]
    if not numbers or not (checkout / LOCK).is_file():
        raise DataError(f"{checkout} is no checkout of ClinicScope: no {LOCK}, or no migrations")
    return max(numbers)


def build_wheel(checkout: Path, to: Path) -> str:
    """Builds our wheel from a copy of the sources; gives its version. Raises UpdateError."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _SOURCES:
            source = checkout / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, Path(folder) / name, ignore=ignored)
            else:
                shutil.copyfile(source, Path(folder) / name)
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", to, folder)
    made = [one[1] for path in to.iterdir() if (one := _WHEEL.fullmatch(path.name))]
    if len(made) != 1:
        raise UpdateError(f"building the program gave {len(made)} wheels of it; expected 1")
    return made[0]


def fetch_wheels(lock: Path, to: Path, machine: str, python: str) -> None:
    """Gets each wheel of a lock for a device, by its hash. Raises UpdateError."""
    short = python.replace(".", "")
    tags = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS]
    platforms = [*tags, f"manylinux2014_{machine}", "any"]
    options = [word for tag in platforms for word in ("--platform", tag)]
    abis = [word for abi in (f"cp{short}", "abi3", "none") for word in ("--abi", abi)]
    which = ("--only-binary=:all:", "--implementation", "cp", "--python-version", python)
    _pip("download", *_LOCKED, *which, *abis, *options, "--dest", to, "-r", lock)


def take_pip(to: Path) -> None:
    """Puts this Python's own copy of pip into the update. Raises UpdateError."""
    found = find_spec("ensurepip")
    own = Path(found.origin).parent / "_bundled" if found and found.origin else _DEBIAN_WHEELS
    wheels = sorted(wheel for folder in (own, _DEBIAN_WHEELS) for wheel in folder.glob("pip-*.whl"))
    if not wheels:
        raise UpdateError("this Python brings no pip; install the system's package python3-venv")
    make_folder(to)
    shutil.copy(wheels[-1], to)


def _pip(*words: str | Path) -> None:
    whole = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*whole, *map(str, words)], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-_MOST_TOLD:]
        raise UpdateError(f"pip {words[0]} failed: {told}")
