"""Puts an update of the program in force: checked, made aside, proven, then switched.

A power cut at any instant leaves the old version or the new one in force. The new one is on trial
until `edge.updates.watch` has seen it well; until then the device goes back by itself.
"""

from __future__ import annotations

import logging
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import BusyError, ClinicScopeError, ConflictError, UpdateError
from edge.updates.application import (
    INFO_FILE,
    NAME,
    ApplicationInfo,
    InstalledVersion,
    Versions,
    parse_info,
    remove_tree,
)
from edge.updates.as_owner import Owner, running_command
from edge.updates.environment import build, prove, prove_camera
from edge.updates.floors import floor_of, updating
from edge.updates.incoming import MOST_BYTES, taken
from edge.updates.look import Look, parse_look
from edge.updates.service_control import Service
from edge.updates.signature import (
    APPLICATION,
    SIGNATURE_FILE,
    Envelope,
    check_signature,
    parse_envelope,
)
from edge.updates.source import UpdateSource, read_envelope, unpack
from edge.updates.trial import (
    ON_TRIAL,
    REFUSED,
    LastUpdate,
    begin_trial,
    read_trial,
    taken_back,
    tell,
    utc_now,
)
from edge.updates.trust import Trust
from edge.updates.verify import admit

log = logging.getLogger(__name__)
ANY_MACHINE = "any"
_ASK_S, _COPY_S = 120.0, 1800.0


@dataclass(frozen=True)
class Device:
    """What an update is applied to.

    Attributes:
        versions: the folder of the program's versions; this process may write it.
        owner: of the records.
        trust: whose signatures count.
        service: what is stopped before the switch.
    """

    versions: Versions
    owner: Owner
    trust: Trust
    service: Service


def apply_update(device: Device, path: Path, *, again: bool = False) -> InstalledVersion:
    """Puts the version in an update in force, on trial.

    Args:
        device: what it is applied to.
        path: of the update, in whosever folder.
        again: even if this version was taken back here before.

    Raises:
        BusyError: a specimen is being screened; nothing was done.
        UpdateError, StoreError: refused, or it failed; the version in use before goes on.
    """
    what = LastUpdate(path.name, "", 0, REFUSED, "", utc_now())
    try:
        with (
            updating(device.versions.root),
            taken(path, device.versions.root, device.owner) as copy,
        ):
            if (same := _in_force(device, copy)) is not None:
                return same
            new = _apply(device, copy, again=again)
    except BusyError:
        raise
    except ClinicScopeError as error:
        log.error("%s is refused: %s", path.name, error)
        tell(device.versions, LastUpdate(**(vars(what) | {"why": str(error)})))
        raise
    outcome = {"program": new.program, "number": new.number, "outcome": ON_TRIAL}
    tell(device.versions, LastUpdate(**(vars(what) | outcome)))
    return new


def _apply(device: Device, copy: Path, *, again: bool) -> InstalledVersion:
    versions = device.versions
    content = copy.parent / "content"
    with UpdateSource(copy) as source:
        envelope = read_envelope(source)
        _check(device, envelope, again=again)
        unpack(source, envelope, content, MOST_BYTES)
    info = _read_info(content)
    check_fits(versions, info)
    versions.tidy()
    try:
        new = build(versions, info, envelope.version, content)
        put_in_force(device, new)
    except BaseException:
        # One that was switched to goes back by its trial.
        made = versions.path_of(info.program)
        if made.is_dir() and (versions.current is None or versions.current.path != made):
            remove_tree(made)
        raise
    return new


def _in_force(device: Device, copy: Path) -> InstalledVersion | None:
    """The version in force, where this update is it: a power cut left its file lying."""
    current = device.versions.current
    if current is None or not (current.path / SIGNATURE_FILE).is_file():
        return None
    with UpdateSource(copy) as source:
        same = read_envelope(source)
    known = parse_envelope((current.path / SIGNATURE_FILE).read_bytes())
    return current if known == same else None


def _check(device: Device, envelope: Envelope, *, again: bool) -> None:
    """Lets only what may come onto this device, now, pass."""
    if (trial := read_trial(device.versions)) is not None:
        raise ConflictError(
            f"version {trial.program} is still on trial; wait until it is found good or taken back"
        )
    check_signature(envelope, device.trust)  # before anything is done for it
    told = ask_device(device)
    floor = floor_of(device.versions.root, APPLICATION, NAME)
    admit(envelope, APPLICATION, device.trust, told.identity, floor)
    if envelope.name != NAME:
        raise UpdateError(f"this is an update of {envelope.name!r}; this program is {NAME!r}")
    failed = {one.number: one for one in taken_back(device.versions)}
    if envelope.version in failed and not again:
        one = failed[envelope.version]
        raise UpdateError(
            f"{envelope} was taken back here at {one.at_utc}: {one.why}. Get a newer one; an "
            "engineer may try it again with `clinicscope application apply --again`"
        )
    _refuse_screening(told)


def put_in_force(device: Device, new: InstalledVersion) -> None:
    """From here on the page is away, for seconds; it comes back whatever happens."""
    versions = device.versions
    _refuse_screening(ask_device(device))
    device.service.stop()
    try:
        log.warning("version %s: %s", new.program, prove(new, device.owner))
        prove_camera(own_command(versions), new, device.owner)
        words: list[str | Path] = [own_command(versions), "application", "keep-records"]
        records = device.owner.run([*words, new.program], _COPY_S).strip()
        versions.keep_way_back()
        begin_trial(versions, new, records)
        versions.switch(new)
    finally:
        device.service.start(watched=True)


def ask_device(device: Device) -> Look:
    """What the program in force says of the device, as the user of the service."""
    words: list[str | Path] = [own_command(device.versions), "application", "look"]
    return parse_look(device.owner.run(words, _ASK_S))


def own_command(versions: Versions) -> Path:
    """The program in force; this one, where no version is."""
    current = versions.current
    return current.command if current else running_command()


def _refuse_screening(told: Look) -> None:
    if told.screening:
        raise BusyError("a specimen is being screened; the update waits until it is done")


def _read_info(content: Path) -> ApplicationInfo:
    try:
        return parse_info((content / INFO_FILE).read_bytes())
    except FileNotFoundError as error:
        raise UpdateError(f"the update holds no {INFO_FILE}; make it again") from error


def check_fits(versions: Versions, info: ApplicationInfo) -> None:
    """Refuses what cannot run here.

    Raises:
        UpdateError: another processor or Python, or that version is in force already.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine = platform.machine()
    if info.machine not in (ANY_MACHINE, machine):
        raise UpdateError(
            f"version {info.program} was made for {info.machine}, this is {machine}; get the "
            "update that was made for this device"
        )
    if info.python != python:
        raise UpdateError(
            f"version {info.program} needs Python {info.python}, this device has {python}; get "
            "the update that was made for this system"
        )
    if versions.current and versions.current.program == info.program:
        raise ConflictError(f"version {info.program} is in use already")
