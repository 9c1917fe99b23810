"""Does a device under a real systemd take an update of its program, and take a bad one back?

    python -m tests.appliance.update WORK [--json RECORD]

WORK is the folder in which firmware_config/image/make_root.sh made a root for this machine's own
architecture; its wheels are there too. The root is started in systemd-nspawn. Signed updates are
laid where the service lays them, and from there on everything is the device's own: its units, its
guard, its watch, its keys of root's. Exit code 1 where a check failed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge.updates.application import INFO_FILE, NAME, TOOLS_FOLDER, WHEELS_FOLDER, format_info
from edge.updates.keys import SecretKey, make_key
from edge.updates.pack_application import newest_migration, take_pip
from edge.updates.signature import APPLICATION
from edge.updates.signing import describe, sign_update
from edge.updates.trust import add_key
from tests.appliance.check import CheckError, Finding, page_answers, tell
from tests.appliance.machine import HOME, UNIT, Machine, MachineError, missing
from tests.support.tiny_application import ROOT, zip_folder

OPT = "/opt/clinicscope"
INCOMING = f"{HOME}/updates/incoming"
# An environment of half a gigabyte on a busy machine, then a minute of watching.
APPLIED_S, DECIDED_S = 1200.0, 400.0
_ENDS = b"""

def run(*_args: object, **_words: object) -> None:
    raise SystemExit("this version is broken")
"""


class Station:
    """A device with folders for what outlives its memory, and the engineer beside it."""

    def __init__(self, work: Path, folder: Path) -> None:
        self.wheels, self.folder = work / "wheels", folder
        self.key: SecretKey = make_key()
        add_key(folder / "trust", self.key.public)
        shutil.copytree(work / "root" / OPT[1:], folder / "opt", symlinks=True)
        options = [
            f"--bind={folder / 'opt'}:{OPT}",
            f"--bind-ro={folder / 'trust'}:/etc/clinicscope/trust",
        ]
        self.device = Machine(work / "root", folder / "device", options)

    def lay(self, program: str, number: int, key: SecretKey | None = None, *, ends: bool) -> None:
        """An update of the program, laid out as the service lays it.

        Args:
            program: the version that it becomes.
            number: of the signature.
            key: whose signature; the engineer's where none is given.
            ends: its service ends as soon as it is started.
        """
        content = self.folder / f"update-{number}"
        (content / WHEELS_FOLDER).mkdir(parents=True)
        for wheel in self.wheels.glob("*.whl"):
            if not wheel.name.startswith("clinicscope-"):
                shutil.copy(wheel, content / WHEELS_FOLDER)
        (own,) = self.wheels.glob("clinicscope-*.whl")
        remade_wheel(own, content / WHEELS_FOLDER, program, ends=ends)
        take_pip(content / TOOLS_FOLDER)
        info = format_info(program, platform.machine(), "3.11", newest_migration(ROOT))
        (content / INFO_FILE).write_bytes(info)
        told = describe(
            content, APPLICATION, NAME, number, ["any"], [], "2026-01-01T00:00:00+00:00"
        )
        sign_update(content, told, key or self.key)
        zip_folder(content, self.folder / "device" / "update.zip")
        shutil.rmtree(content)
        self.device.run("chown", "clinicscope:", f"{HOME}/update.zip")
        self.device.run("install", "-d", "-o", "clinicscope", f"{HOME}/updates", INCOMING)
        self.device.run("mv", f"{HOME}/update.zip", f"{INCOMING}/clinicscope-{number}.zip")

    def outcome(self) -> dict[str, Any]:
        """What the device says of its newest update."""
        path = self.folder / "opt" / "last-update.json"
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}

    def wait(self, outcome: str, number: int, within_s: float) -> float:
        """Until the device says so; how long it took, in seconds."""
        began = time.monotonic()
        while (now := self.outcome()).get("outcome") != outcome or now["number"] != number:
            if time.monotonic() - began > within_s:
                said = self.device.journal("clinicscope-update") + self.device.journal(UNIT)
                raise CheckError(f"not {outcome!r} but {now}: {said[-2500:]}")
            time.sleep(0.3)
        return round(time.monotonic() - began, 1)

    @property
    def in_force(self) -> str:
        """The version at the link."""
        return (self.folder / "opt" / "current").readlink().name


def remade_wheel(wheel: Path, to: Path, program: str, *, ends: bool) -> None:
    """The same wheel as another version; with `ends`, its service ends when it is started."""
    old = wheel.name.split("-")[1]
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".dist-info/METADATA"):
                data = data.replace(
                    f"\nVersion: {old}\n".encode(), f"\nVersion: {program}\n".encode()
                )
            if ends and name == "web_ui/cli.py":
                data += _ENDS
            files[name.replace(f"clinicscope-{old}.dist", f"clinicscope-{program}.dist")] = data
    record = f"clinicscope-{program}.dist-info/RECORD"
    files[record] = (
        b"".join(
            f"{name},sha256={_digest(data)},{len(data)}\n".encode()
            for name, data in files.items()
            if name != record
        )
        + f"{record},,\n".encode()
    )
    path = to / wheel.name.replace(f"-{old}-", f"-{program}-")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def check_good(station: Station) -> dict[str, Any]:
    """A good update comes into force, is watched and found good; the page is its own."""
    station.lay("0.9.1", 1, ends=False)
    applied_s = station.wait("on trial", 1, APPLIED_S)
    decided_s = station.wait("good", 1, DECIDED_S)
    page_answers(station.device, "/healthz", "--within", "60")
    pid = station.device.show(UNIT, "MainPID")
    runs = station.device.run("readlink", f"/proc/{pid}/exe", check=False).strip()
    words = station.device.run("cat", f"/proc/{pid}/cmdline").replace("\0", " ")
    figures = {"applied_s": applied_s, "decided_s": decided_s, "in_force": station.in_force}
    if station.in_force != "0.9.1" or "/current/" not in words + runs:
        raise CheckError(f"in force is {station.in_force}, the service runs {words}", figures)
    return figures


def check_stranger(station: Station) -> dict[str, Any]:
    """What root's keys do not know is refused, whatever the data directory says of keys."""
    stranger = make_key()
    add_key(station.folder / "device" / "trust", stranger.public)
    pid = station.device.show(UNIT, "MainPID")
    station.lay("0.9.2", 2, stranger, ends=False)
    station.wait("refused", 0, APPLIED_S)
    why = station.outcome()["why"]
    if "not trusted on this device" not in why or station.device.show(UNIT, "MainPID") != pid:
        raise CheckError(f"refused otherwise, or the service was stopped: {why}")
    return {"why": why[:90]}


def check_broken(station: Station) -> dict[str, Any]:
    """A version whose service does not stay up goes back by itself, and the page is there again."""
    station.lay("0.9.3", 3, ends=True)
    applied_s = station.wait("on trial", 3, APPLIED_S)
    decided_s = station.wait("taken back", 3, DECIDED_S)
    page_answers(station.device, "/healthz", "--within", "90")
    figures = {
        "applied_s": applied_s,
        "decided_s": decided_s,
        "in_force": station.in_force,
        "why": station.outcome()["why"],
    }
    if station.in_force != "0.9.1":
        raise CheckError("another version is in force", figures)
    return figures


def check_power_cut(station: Station) -> dict[str, Any]:
    """The power goes while an update is made; the device comes up, and does it then."""
    station.lay("0.9.4", 4, ends=False)
    made = station.folder / "opt" / "versions" / "0.9.4"
    _wait_for(made.exists)
    station.device.cut_power()
    in_force = station.in_force
    boot_s = round(station.device.start(), 1)
    page_answers(station.device, "/healthz", "--within", "90")
    decided_s = station.wait("good", 4, APPLIED_S)
    figures = {"in_force_after_cut": in_force, "boot_s": boot_s, "good_after_s": decided_s}
    if in_force != "0.9.1" or station.in_force != "0.9.4":
        raise CheckError(f"{in_force} after the cut, {station.in_force} in the end", figures)
    return figures


CHECKS: dict[str, Callable[[Station], dict[str, Any]]] = {
    "good update": check_good,
    "update of a stranger": check_stranger,
    "update that does not stay up": check_broken,
    "power cut": check_power_cut,
}


def _wait_for(there: Callable[[], bool], within_s: float = APPLIED_S) -> None:
    until = time.monotonic() + within_s
    while not there():
        if time.monotonic() > until:
            raise CheckError("nothing was made of the update")
        time.sleep(0.1)


def check_all(work: Path) -> list[Finding]:
    """Every check in turn, on one device."""
    folder = Path(tempfile.mkdtemp(prefix="clinicscope-update-"))
    station, found = Station(work, folder), []
    try:
        station.device.start()
        page_answers(station.device, "/healthz", "--within", "120")
        for name, check in CHECKS.items():
            try:
                found.append(Finding(name, True, check(station)))
            except CheckError as failed:
                found.append(Finding(name, False, failed.figures, str(failed)))
            except (MachineError, OSError, ValueError, KeyError) as error:
                found.append(Finding(name, False, {}, f"{type(error).__name__}: {error}"[-3000:]))
            tell(found[-1])
    finally:
        station.device.cut_power()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(words)
    if why := missing():
        click.echo(why, err=True)
        return 3
    found = check_all(asked.work.absolute())
    if asked.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, systemd-nspawn"
        record = {"machine": machine, "checks": [asdict(one) for one in found]}
        asked.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if all(one.passed for one in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
