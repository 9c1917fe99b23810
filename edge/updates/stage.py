"""A bundle from outside onto this device: checked, unpacked aside, proven, then put in its place.

At every instant the device has its old bundle or the new one, and says which. What a power cut
leaves aside is removed at the next start (`clear_aside`).
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.activation import activate, choose_proven, refuse_named
from edge.bundle_choice import BundleChoice, pin_choice, read_choices
from edge.bundle_list import InstalledBundle
from edge.config import DeviceConfig
from edge.contract.bundle import MANIFEST, MAX_BUNDLE_BYTES, Bundle, open_bundle
from edge.contract.errors import (
    BundleError,
    BusyError,
    ClinicScopeError,
    OldVersionError,
    SignatureError,
    UpdateError,
)
from edge.identity import Identity
from edge.installed import SHIPPED_DIR, list_bundles, prove_any
from edge.store.audit import Audit
from edge.store.files import disk_errors, make_folder, sync_folder
from edge.store.records import DEVICE
from edge.store.store import Store
from edge.updates.bundle_trial import read_trials
from edge.updates.floors import Floor, content_digest, floor_of, raise_floor, updating
from edge.updates.signature import BUNDLE, SIGNATURE_FILE, Envelope, is_file_name
from edge.updates.signing import describe_bundle
from edge.updates.source import UpdateSource, read_envelope, unpack
from edge.updates.trust import Trust
from edge.updates.verify import admit

log = logging.getLogger(__name__)

INSTALLED = "bundle.installed"
PROGRAM = "program"
# In the data directory, so on the file system of its bundles: what is there is moved, not copied.
ASIDE_DIR, BUNDLES_DIR = Path("updates/aside"), "bundles"
# Of a shipped bundle, which no signature describes: an update of the same number is another one.
_SHIPPED = "shipped"


@dataclass(frozen=True)
class Asked:
    """Who brings a bundle, and how far she may go.

    Attributes:
        by: for the log.
        trust: keys that count.
        device: this one.
        may_be_unsigned: an engineer at the console said so.
        again: a bundle that failed here before may be tried once more.
        use: it becomes the active one.
    """

    by: str
    trust: Trust
    device: Identity
    may_be_unsigned: bool = False
    again: bool = False
    use: bool = True


def install_bundle(store: Store, config: DeviceConfig, path: Path, asked: Asked) -> InstalledBundle:
    """Installs a bundle and, if asked, makes it the active one, on trial.

    Args:
        store: its home is the device's; its log gets the lines.
        config: what the bundle is proven with.
        path: of a folder or zip.
        asked: by whom, and how.

    Raises:
        UpdateError: it may not come onto this device; see `edge.updates.verify.admit`.
        BundleError, HardwareError: it is damaged, or fails its golden tensors here.
        ConflictError: config.toml names the bundle of this task.
        BusyError: another update is at work.
        StoreError: the disk refuses. In all cases what was in use before goes on.
    """
    with updating(store.home), UpdateSource(path) as source:
        envelope = _described(source, store, asked)
        if asked.use:
            refuse_named(config, envelope.name)
        there = _there_already(store.home, envelope)
        if there is None:
            there = _put(store, config, source, envelope, asked)
            if asked.use and not _is_chosen(store.home, there):
                choose_proven(store, config, there, asked.by)
        elif asked.use:
            _refuse_failed(store.home, there, asked)
            _keep_floor(store.home, envelope)
            activate(store, config, there.path, asked.by)
    return there


def signed_by(bundle: InstalledBundle) -> str | None:
    """Id of the key that signed an installed bundle; None where nobody did, and it did not come
    with the program either, whose bundles name PROGRAM.
    """
    path = Path(bundle.path)
    if path.is_relative_to(SHIPPED_DIR):
        return PROGRAM
    try:
        with UpdateSource(path) as source:
            return read_envelope(source).key_id
    except ClinicScopeError:
        return None


def clear_aside(home: Path) -> None:
    """Removes what a power cut left of an update, unless one is at work."""
    folder = home / ASIDE_DIR
    if not folder.is_dir():
        return
    try:
        with updating(home):
            for left in folder.iterdir():
                shutil.rmtree(left, ignore_errors=True)
    except BusyError:
        log.info("an update is at work; nothing is cleared")


def _described(source: UpdateSource, store: Store, asked: Asked) -> Envelope:
    """What the update says of itself, once it may come onto this device."""
    if SIGNATURE_FILE not in source.sizes and asked.may_be_unsigned:
        log.warning("%s is not signed; %s lets it in", source.path, asked.by)
        return describe_bundle(source.path, ("any",), (), store.now())
    envelope = read_envelope(source)
    floor = _floor(store.home, envelope)
    admit(envelope, BUNDLE, asked.trust, asked.device, floor)
    return envelope


def _floor(home: Path, envelope: Envelope) -> Floor:
    """The higher one of what was in use and what comes with the program."""
    recorded = floor_of(home, envelope.kind, envelope.name)
    for one in list_bundles(home):
        ships = one.task == envelope.name and Path(one.path).is_relative_to(SHIPPED_DIR)
        if ships and one.version > recorded.version:
            same = one.sha256 == envelope.files.get(MANIFEST)
            recorded = Floor(one.version, content_digest(envelope) if same else _SHIPPED)
    return recorded


def _there_already(home: Path, envelope: Envelope) -> InstalledBundle | None:
    """The very same bundle, where it is installed and whole."""
    for one in list_bundles(home):
        if one.sha256 and one.sha256 == envelope.files.get(MANIFEST) and _is_whole(one):
            if one.active:
                raise OldVersionError(f"{one.bundle_id} is on this device already, and in use")
            return one
    return None


def _is_chosen(home: Path, there: InstalledBundle) -> bool:
    """Whether it was in use before, damaged."""
    choices = read_choices(home).get(there.task, ())
    return bool(choices) and choices[-1].sha256 == there.sha256


def _keep_floor(home: Path, envelope: Envelope) -> None:
    """Before the switch: a power cut between both lets the very same update in once more."""
    if envelope.signature:
        raise_floor(home, envelope)


def _is_whole(one: InstalledBundle) -> bool:
    try:
        open_bundle(Path(one.path))
    except BundleError as error:
        log.warning("%s is put anew: %s", one.bundle_id, error)
        return False
    return True


def _refuse_failed(home: Path, there: InstalledBundle, asked: Asked) -> None:
    for failed in read_trials(home).returned:
        if failed.sha256 == there.sha256 and not asked.again:
            raise UpdateError(
                f"{there.bundle_id} was in use here and was taken back on {failed.at_utc[:10]}: "
                f"{failed.why}. A person can choose it again under Settings, Models"
            )


def _put(
    store: Store, config: DeviceConfig, source: UpdateSource, envelope: Envelope, asked: Asked
) -> InstalledBundle:
    home = store.home
    with aside_folder(home) as folder:
        fresh = folder / "bundle"
        unpack(source, envelope, fresh, MAX_BUNDLE_BYTES)
        opened = open_bundle(fresh)
        _check_same(envelope, opened)
        with closing(prove_any(opened, config, home)):
            pass
        _pin_active(store, envelope.name)
        _keep_floor(home, envelope)
        place = _move_in(home, fresh, opened, folder)
    detail = {"task": envelope.name, "sha256": opened.sha256, "signed_by": envelope.key_id}
    Audit(store).write(asked.by, INSTALLED, opened.manifest.bundle_id, detail)
    return next(one for one in list_bundles(home) if one.path == str(place))


@contextmanager
def aside_folder(home: Path) -> Iterator[Path]:
    """A folder for one update on the disk of the records, gone at its end. Raises StoreError."""
    folder = home / ASIDE_DIR / secrets.token_hex(8)
    with disk_errors(folder, 0):
        make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_same(envelope: Envelope, opened: Bundle) -> None:
    manifest = opened.manifest
    if (manifest.task, manifest.version) != (envelope.name, envelope.version):
        raise SignatureError(
            f"signed as {envelope}, but the bundle is {manifest.task} version {manifest.version}; "
            "sign it again"
        )
    if not is_file_name(manifest.bundle_id) or "/" in manifest.bundle_id:
        raise BundleError(f"bundle id {manifest.bundle_id!r} is no name of a folder; pack it anew")


def _pin_active(store: Store, task: str) -> None:
    """What is in use stays so when a newer one is in its place, until that one is chosen."""
    for one in list_bundles(store.home):
        if one.active and one.task == task:
            choice = BundleChoice(one.bundle_id, one.sha256, DEVICE, store.now())
            pin_choice(store.home, task, choice)


def _move_in(home: Path, fresh: Path, opened: Bundle, aside: Path) -> Path:
    """One rename puts it in its place; a damaged copy of the same bundle makes way for it."""
    bundles, bundle_id = home / BUNDLES_DIR, opened.manifest.bundle_id
    place = bundles / bundle_id
    with disk_errors(place, 0):
        make_folder(bundles)
        if place.exists() and not _is_same(place, opened):
            place = bundles / f"{bundle_id}-{opened.sha256[:8]}"
        if place.exists():
            place.rename(aside / "damaged")
        fresh.rename(place)
        sync_folder(bundles)
    return place


def _is_same(place: Path, opened: Bundle) -> bool:
    manifest = place / MANIFEST
    return manifest.is_file() and manifest.read_bytes() == opened.files[MANIFEST]
