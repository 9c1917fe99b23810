"""A stick with the updates of several sites and devices: takes what is for this one, and says of
every other why not.

Owns the order: what keys say of keys first, then of each name the newest update alone. Nothing
unsigned is taken from a stick, and nothing that failed here before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError, OldVersionError, OtherDeviceError, UpdateError
from edge.identity import read_identity
from edge.store.audit import Audit
from edge.store.store import Store
from edge.updates.application import Versions
from edge.updates.floors import floor_of
from edge.updates.incoming import lay_for_root, waiting
from edge.updates.signature import APPLICATION, BUNDLE, SIGNATURE_FILE, Envelope
from edge.updates.source import UpdateSource, check_files, read_envelope
from edge.updates.stage import Asked, install_bundle
from edge.updates.statement import STATEMENT_SUFFIX, accept_statement
from edge.updates.trial import taken_back
from edge.updates.trust import TRUST_DIR, Trust, application_trust, bundle_trust
from edge.updates.verify import admit

log = logging.getLogger(__name__)

STICK_FOLDER = "clinicscope-updates"
TAKEN, SKIPPED, REFUSED = "taken", "skipped", "refused"
KEYS_CHANGED = "keys.changed"
_MOST_FILES = 200
_STATEMENT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of one file on a stick.

    Attributes:
        outcome: TAKEN; SKIPPED, where nothing is wrong with it; or REFUSED.
        why: for a person.
        task: of a bundle; empty for anything else.
    """

    path: str
    what: str
    outcome: str
    why: str
    task: str = ""


@dataclass(frozen=True)
class StickCheck:
    """What a device needs to look at a stick.

    Attributes:
        asked: whose keys count for bundles, and which device this is.
        program_trust: tells whose keys count for the program.
        versions: of the program.
    """

    store: Store
    config: DeviceConfig
    asked: Asked
    trust: Callable[[], Trust]
    program_trust: Callable[[], Trust]
    versions: Versions


def stick_check(store: Store, config: DeviceConfig, by: str, *, again: bool = False) -> StickCheck:
    """This device, for whoever brings updates.

    Args:
        again: a bundle that was taken back here may be tried once more.

    Raises:
        ConfigError: the device's own keys, or its config, cannot be read.
    """
    trust = partial(bundle_trust, store.home)
    asked = Asked(by, trust(), read_identity(store.home), again=again)
    program_trust = partial(application_trust, store.home)
    return StickCheck(store, config, asked, trust, program_trust, Versions())


def take_update(check: StickCheck, path: Path) -> tuple[Envelope, str]:
    """Takes one update, a bundle or one of the program; what it is, and what became of it.

    Raises:
        ClinicScopeError: it is refused; see `edge.updates.stage.install_bundle`.
    """
    with UpdateSource(path) as source:
        envelope = read_envelope(source)
    fault = _hindrance(check, envelope)
    if fault is not None:
        raise fault
    return envelope, _take(path, envelope, check)


def check_stick(check: StickCheck, folder: Path) -> list[Outcome]:
    """Looks at all updates of a folder and takes those for this device.

    Args:
        check: the device.
        folder: a drive, or the folder `clinicscope-updates` on it.

    Raises:
        ConfigError: the device's own keys or floors cannot be read.
    """
    inner = folder / STICK_FOLDER
    entries = sorted((inner if inner.is_dir() else folder).iterdir())
    outcomes = [_too_many(path) for path in entries[_MOST_FILES : _MOST_FILES + 1]]
    entries = entries[:_MOST_FILES]
    outcomes += [
        _take_statement(check, path) for path in entries if path.suffix == STATEMENT_SUFFIX
    ]
    check = replace(check, asked=replace(check.asked, trust=check.trust()))
    found, wrong = _read(path for path in entries if _may_be_update(path))
    newest, older = _newest(check, found)
    return [
        *outcomes,
        *wrong,
        *older,
        *(_outcome(path, envelope, check) for path, envelope in newest),
    ]


def _too_many(first: Path) -> Outcome:
    why = f"more than {_MOST_FILES} files are there; from this one on none was looked at"
    return Outcome(first.name, "folder", REFUSED, why)


def _may_be_update(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return path.suffix == ".zip" or (path.is_dir() and (path / SIGNATURE_FILE).is_file())


def _take_statement(check: StickCheck, path: Path) -> Outcome:
    home = check.store.home
    try:
        with path.open("rb") as file:
            data = file.read(_STATEMENT_BYTES)
        before = check.trust()
        told = accept_statement(data, path.name, before, home / TRUST_DIR)
    except (ClinicScopeError, OSError) as error:
        return Outcome(path.name, "statement", REFUSED, str(error))
    if check.trust() == before:
        return Outcome(path.name, "statement", SKIPPED, f"known already: {told}")
    Audit(check.store).write(check.asked.by, KEYS_CHANGED, path.name[:64], {"told": told})
    return Outcome(path.name, "statement", TAKEN, told)


def _read(paths: Iterable[Path]) -> tuple[list[tuple[Path, Envelope]], list[Outcome]]:
    found, wrong = [], []
    for path in paths:
        try:
            with UpdateSource(path) as source:
                found.append((path, read_envelope(source)))
        except (ClinicScopeError, OSError) as error:
            wrong.append(Outcome(path.name, "unknown", REFUSED, str(error)))
    return found, wrong


def _newest(
    check: StickCheck, found: list[tuple[Path, Envelope]]
) -> tuple[list[tuple[Path, Envelope]], list[Outcome]]:
    """Of each name the newest one that this device may take; of the others, why they wait."""
    best: dict[tuple[str, str], int] = {}
    for _, envelope in found:
        if not _hindrance(check, envelope):
            key = envelope.kind, envelope.name
            best[key] = max(best.get(key, 0), envelope.version)
    older = [
        Outcome(path.name, str(one), SKIPPED, f"version {best[one.kind, one.name]} is here, too")
        for path, one in found
        if one.version < best.get((one.kind, one.name), 0) and not _hindrance(check, one)
    ]
    names = {one.path for one in older}
    return [(path, one) for path, one in found if path.name not in names], older


def _hindrance(check: StickCheck, envelope: Envelope) -> ClinicScopeError | None:
    """Why it may not come onto this device; its files are not looked at."""
    try:
        if envelope.kind == APPLICATION:
            root = check.versions.root
            floor = floor_of(root, APPLICATION, envelope.name)
            admit(envelope, APPLICATION, check.program_trust(), check.asked.device, floor)
        else:
            floor = floor_of(check.store.home, BUNDLE, envelope.name)
            admit(envelope, BUNDLE, check.asked.trust, check.asked.device, floor)
    except UpdateError as error:
        return error
    return None


def _outcome(path: Path, envelope: Envelope, check: StickCheck) -> Outcome:
    try:
        _, told = take_update(check, path)
    except (OtherDeviceError, OldVersionError) as error:
        return Outcome(path.name, str(envelope), SKIPPED, str(error))
    except (ClinicScopeError, OSError) as error:
        log.warning("%s: %s", path.name, error)
        return Outcome(path.name, str(envelope), REFUSED, str(error))
    task = envelope.name if envelope.kind == BUNDLE else ""
    return Outcome(path.name, str(envelope), TAKEN, told, task)


def _take(path: Path, envelope: Envelope, check: StickCheck) -> str:
    if envelope.kind == BUNDLE:
        found = install_bundle(check.store, check.config, path, check.asked)
        return f"{found.bundle_id} is installed; it is in use once the service starts again"
    return _hand_over(path, envelope, check)


def _hand_over(path: Path, envelope: Envelope, check: StickCheck) -> str:
    """The program's own update goes to root, who looks at all of it again."""
    _refuse_program(envelope, check)
    with UpdateSource(path) as source:
        check_files(source, envelope)
        laid = lay_for_root(source, envelope, check.store.home)
    return f"{laid.name} waits for the program that puts it in force"


def _refuse_program(envelope: Envelope, check: StickCheck) -> None:
    current = check.versions.current
    if current is None:
        raise OldVersionError("the program of this machine is not updated in this way")
    if envelope.version <= current.number:
        raise OldVersionError(f"version {current.number} is in use already")
    names = [path.stem for path in waiting(check.store.home)]
    if f"{envelope.name}-{envelope.version}" in names:
        raise OldVersionError("it waits already")
    for one in taken_back(check.versions):
        if one.number == envelope.version:
            raise OldVersionError(f"it was taken back here at {one.at_utc}: {one.why}")
