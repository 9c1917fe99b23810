"""The environment of a new version: made from the update's wheels alone, and proven by itself."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edge.contract.errors import StorageFullError, UpdateError
from edge.store.files import disk_errors, make_folder
from edge.updates.application import (
    TOOLS_FOLDER,
    WHEELS_FOLDER,
    ApplicationInfo,
    InstalledVersion,
    Versions,
)
from edge.updates.as_owner import Owner
from edge.updates.signature import SIGNATURE_FILE

# Unpacked and compiled to byte code, wheels take about so many times their size.
_GROWS = 4
_CAMERA = ("application", "camera")
log = logging.getLogger(__name__)
_INSTALL_S, _PROVE_S = 1800.0, 600.0
_MOST_TOLD = 600
_FULL = "No space left on device"


def build(
    versions: Versions, info: ApplicationInfo, number: int, content: Path
) -> InstalledVersion:
    """Makes the environment of a version from what was unpacked; nothing is fetched.

    Args:
        versions: where it goes; nothing of that name is there.
        info: of the update.
        number: of its signature.
        content: the folder that the update was unpacked into.

    Raises:
        StorageFullError: no room.
        UpdateError: the wheels do not make a whole program.
    """
    path = versions.path_of(info.program)
    wheels = sorted((content / WHEELS_FOLDER).glob("*.whl"))
    with disk_errors(path, _GROWS * sum(wheel.stat().st_size for wheel in wheels)):
        make_folder(versions.folder)
        try:
            venv.create(path, symlinks=True, system_site_packages=sees_system(versions))
        except subprocess.CalledProcessError as error:
            raise UpdateError(f"no environment can be made at {path} ({error})") from error
    # What one of them needs must be among them: nothing is fetched. What the system has beside is
    # another version's, and may change.
    words = ("--no-index", "--no-cache-dir", "--ignore-installed", "--compile")
    _pip(path, content, "install", *words, *wheels)
    shutil.copyfile(content / SIGNATURE_FILE, path / SIGNATURE_FILE)
    return versions.complete(info, number)


def sees_system(versions: Versions) -> bool:
    """Whether the environment in force sees the system's packages: a Pi's camera is among them."""
    current = versions.current
    file = current.path / "pyvenv.cfg" if current else None
    if file is None or not file.is_file():
        return False
    lines = file.read_text(encoding="utf-8").lower().splitlines()
    return "include-system-site-packages = true" in lines


def prove_camera(old: Path, new: InstalledVersion, owner: Owner) -> None:
    """Refuses a version that has lost the camera which the one in force sees. The service is down.

    Args:
        old: the program in force.

    Raises:
        UpdateError: it has; with its words.
    """
    try:
        told = owner.run([old, *_CAMERA], _PROVE_S).strip()
    except UpdateError as error:
        log.warning("the camera gives no frame before the update either: %s", error)
        return
    if told:
        owner.run([new.command, *_CAMERA], _PROVE_S)


def prove(version: InstalledVersion, owner: Owner) -> str:
    """Lets a new version say that it works here; gives its words.

    It says its version, passes its golden tensors on this device's accelerator, and migrates a copy
    of the records, all as the user of the service.

    Raises:
        UpdateError: one of that failed; with its words.
    """
    told = owner.run([version.command, "--version"], _PROVE_S)
    if version.program not in told.split():
        raise UpdateError(f"it calls itself {told.strip()[:80]!r}, not {version.program}")
    return owner.run([version.command, "application", "prove"], _PROVE_S).strip()


def _pip(path: Path, content: Path, command: str, *words: str | Path) -> None:
    """What is on trial installs nothing itself: its environment has no pip, this one's is used."""
    common = ["--isolated", "--disable-pip-version-check", "--quiet"]
    pip = pip_for(path, content, own=_has_pip())
    whole = [*pip, *common, command, *map(str, words)]
    done = subprocess.run(
        whole, capture_output=True, text=True, errors="replace", timeout=_INSTALL_S, check=False
    )
    if not done.returncode:
        return
    told = (done.stderr or done.stdout).strip()[-_MOST_TOLD:]
    if _FULL in done.stderr:
        raise StorageFullError(
            f"no room for {path}: free some space on its disk, then try again; the version in use "
            "is untouched"
        )
    raise UpdateError(f"its wheels do not make a whole program: {told}")


def _has_pip() -> bool:
    # To look for the module itself would let setuptools replace distutils in this process.
    try:
        return bool(distribution("pip"))
    except PackageNotFoundError:
        return False


def pip_for(path: Path, content: Path, *, own: bool) -> list[str]:
    """How pip is called to work on an environment.

    Args:
        path: of the environment.
        content: of the update, which brings a pip that runs from its wheel, slowly.
        own: this program's environment has pip; a version that came by an update has none.

    Raises:
        UpdateError: neither has one.
    """
    python = path / "bin" / "python"
    if own:
        return [sys.executable, "-m", "pip", "--python", str(python)]
    found = sorted((content / TOOLS_FOLDER).glob("pip-*.whl"))
    if not found:
        raise UpdateError(
            f"the program in use has no pip, and the update brings none in {TOOLS_FOLDER}/; make "
            "it again with `clinicscope application pack`"
        )
    return [str(python), str(found[-1] / "pip")]
