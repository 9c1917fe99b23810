"""Making another bundle the active one of its task, and going back: proven first, then switched.

Owns the order of that. Where a bundle comes from, and who signed it, is not asked here; whether a
new one does well afterwards is watched by `edge.updates.observe`.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from edge.bundle_choice import BundleChoice, drop_choice, keep_choice, read_choices
from edge.bundle_list import InstalledBundle
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.contract.errors import BundleError, ConflictError
from edge.contract.labels import MALARIA_CELLS, MALARIA_SUPERRES
from edge.installed import list_bundles, prove_any
from edge.store.audit import Audit
from edge.store.store import Store
from edge.updates.bundle_trial import BundleTrial, begin_trial

ACTIVATED, ROLLED_BACK = "bundle.activated", "bundle.rolled_back"
# Two people may press a button at once.
_switching = threading.Lock()


def activate(store: Store, config: DeviceConfig, named: str, by: str) -> InstalledBundle:
    """Makes a bundle the active one of its task from now on, at the next opening.

    Args:
        store: its home is where bundles are installed; its log gets the line.
        config: what a bundle is proven with.
        named: id of an installed bundle, or its path as `bundle list` shows it.
        by: who decided.

    Raises:
        BundleError, HardwareError: no such bundle, or it fails its golden tensors on this device.
        ConflictError: it is the active one, or config.toml names another.
    """
    with _switching:
        wanted = _find(store.home, named)
        if wanted.active:
            raise ConflictError(f"bundle {wanted.bundle_id} is active already")
        refuse_named(config, wanted.task)
        _prove(wanted, config, store.home)
        _choose(store, wanted, by)
    return wanted


def choose_proven(store: Store, config: DeviceConfig, wanted: InstalledBundle, by: str) -> None:
    """See `activate`; the bundle has just passed its golden tensors. Raises ConflictError."""
    with _switching:
        refuse_named(config, wanted.task)
        _choose(store, wanted, by)


def roll_back(store: Store, config: DeviceConfig, task: str, by: str) -> InstalledBundle:
    """Makes the bundle that was chosen before the active one active again; as `activate`.

    Raises:
        ConflictError: none was chosen before, or config.toml names one.
        BundleError, HardwareError: that one is no longer here, or fails its golden tensors.
    """
    with _switching:
        choices = read_choices(store.home).get(task, ())
        if len(choices) < 2:
            raise ConflictError(f"no other bundle was active for {task} before this one")
        refuse_named(config, task)
        found = _of_choice(store.home, task, choices[-2])
        _prove(found, config, store.home)
        drop_choice(store.home, task)
        _log(store, by, ROLLED_BACK, found)
    return found


def may_roll_back(home: Path, task: str) -> bool:
    """Whether another bundle was active for the task before."""
    return len(read_choices(home).get(task, ())) > 1


def _find(home: Path, named: str) -> InstalledBundle:
    found = [one for one in list_bundles(home) if named in (one.path, one.bundle_id)]
    if not found:
        raise BundleError(f"no bundle {named!r} is on this device; `clinicscope bundle list`")
    if len(found) > 1:
        paths = ", ".join(one.path for one in found)
        raise BundleError(f"more than one bundle is called {named!r}; give one of {paths}")
    if found[0].problem:
        raise BundleError(f"{named} cannot be read: {found[0].problem}")
    return found[0]


def _of_choice(home: Path, task: str, choice: BundleChoice) -> InstalledBundle:
    """What a choice stands for today; the newest version where it names none."""
    of_task = [one for one in list_bundles(home) if one.task == task and not one.problem]
    if not choice.sha256 and of_task:
        return max(of_task, key=lambda one: one.version)
    for one in of_task:
        if one.sha256 == choice.sha256:
            return one
    raise BundleError(
        f"bundle {choice.bundle_id or task}, which was active before, is no longer on this device"
    )


def refuse_named(config: DeviceConfig, task: str) -> None:
    """Raises ConflictError where config.toml names the bundle of a task: no choice counts then."""
    pinned = {MALARIA_CELLS: config.bundle, MALARIA_SUPERRES: config.enhancer}.get(task)
    if pinned:
        raise ConflictError(
            f"config.toml names {pinned} for {task}, which comes before any choice; remove that "
            "line first"
        )


def _choose(store: Store, wanted: InstalledBundle, by: str) -> None:
    """On trial first, so that the device can go back by itself from the moment of the choice on."""
    now_utc = store.now()
    begin_trial(store.home, wanted.task, BundleTrial(wanted.bundle_id, wanted.sha256, now_utc))
    choice = BundleChoice(wanted.bundle_id, wanted.sha256, by, now_utc)
    keep_choice(store.home, wanted.task, choice)
    _log(store, by, ACTIVATED, wanted)


def _prove(wanted: InstalledBundle, config: DeviceConfig, home: Path) -> None:
    """Opens it as the device would, golden tensors included."""
    with closing(prove_any(open_bundle(Path(wanted.path)), config, home)):
        pass


def _log(store: Store, by: str, action: str, bundle: InstalledBundle) -> None:
    detail = {"task": bundle.task, "sha256": bundle.sha256}
    Audit(store).write(by, action, bundle.bundle_id, detail)
