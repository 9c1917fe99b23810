"""Whether a newly chosen bundle does well: proven at each start, watched, then known to be good.

What fails its golden tensors at a start, or with which the service does not come up, is taken out
of use by the device itself, and the log says so. Where the bundle before fails just as well, the
fault is the device's, and nothing is taken back.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from edge.activation import refuse_named
from edge.bundle_choice import BundleChoice, read_choices, return_to
from edge.bundle_list import InstalledBundle
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.contract.errors import ClinicScopeError, ConflictError
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES
from edge.installed import find_bundle, list_bundles, prove_any
from edge.screening.state import ServiceState
from edge.store.audit import Audit
from edge.store.records import DEVICE
from edge.store.store import Store
from edge.updates.bundle_trial import (
    BundleTrial,
    ReturnedBundle,
    begin_trial,
    end_trial,
    keep_returned,
    read_trials,
)
from edge.updates.stage import BUNDLES_DIR, clear_aside

log = logging.getLogger(__name__)

RETURNED, KNOWN_GOOD = "bundle.returned", "bundle.known_good"
# Starts with a new bundle, none of which lasted until it was known to be good.
MOST_STARTS = 3
# So long must the service be up and ready with it.
OBSERVED_S = 120.0
_EVERY_S = 5.0


def settle_trials(store: Store, config: DeviceConfig) -> list[ReturnedBundle]:
    """Before the service opens its networks: proves what is on trial, and takes back what fails.

    Args:
        store: of the device; its log gets the lines.
        config: what the bundles are proven with.

    Returns:
        what was taken back now; what hinders this is in the device's log and keeps no service down.
    """
    returned = []
    try:
        clear_aside(store.home)
        for task, trial in read_trials(store.home).trials.items():
            why = _fault(store, config, task, trial)
            if why:
                returned += _take_back(store, config, task, trial, why)
    except ClinicScopeError as error:
        log.error("bundles on trial are not watched: %s", error)
    return returned


def _fault(store: Store, config: DeviceConfig, task: str, trial: BundleTrial) -> str:
    """Why a bundle on trial must not stay; empty where it may be tried (once more)."""
    try:
        refuse_named(config, task)
    except ConflictError:
        return ""  # config.toml names another one, so this one is not in use.
    # Counted first: it may end this process.
    begin_trial(store.home, task, replace(trial, starts=trial.starts + 1))
    if trial.starts >= MOST_STARTS:
        return f"the service was started {trial.starts} times with it and did not stay up"
    return _proof_fails(store.home, config, task)


def _proof_fails(home: Path, config: DeviceConfig, task: str) -> str:
    try:
        with closing(prove_any(find_bundle(home, "", task), config, home)):
            return ""
    except ClinicScopeError as error:
        return str(error)


def _take_back(
    store: Store, config: DeviceConfig, task: str, trial: BundleTrial, why: str
) -> list[ReturnedBundle]:
    crashed = trial.starts >= MOST_STARTS
    before = _before(store.home, task)
    if before and not crashed and (beside := _open_fails(before, config, store.home)):
        log.error("%s fails, and so does the one before (%s): %s", trial.bundle_id, beside, why)
        return []
    gone = ReturnedBundle(task, trial.bundle_id, trial.sha256, why, store.now())
    log.error("%s is taken out of use: %s", trial.bundle_id, why)
    if before is None:
        _remove(store.home, trial)
        return_to(store.home, task, None)
    else:
        now = BundleChoice(before.bundle_id, before.sha256, DEVICE, store.now())
        return_to(store.home, task, now)
    keep_returned(store.home, gone)
    detail = {"task": task, "sha256": trial.sha256, "why": why}
    Audit(store).write(DEVICE, RETURNED, trial.bundle_id, detail)
    return [gone]


def _before(home: Path, task: str) -> InstalledBundle | None:
    """The bundle that comes into force again; None where the task had none."""
    choices = read_choices(home).get(task, ())
    now = choices[-1].sha256 if choices else ""
    others = [one.sha256 for one in choices if one.sha256 != now]
    wanted = others[-1] if others else ""
    there = [one for one in list_bundles(home) if one.task == task and one.sha256 != now]
    # Where that one is gone, the newest of the others: said aloud, and better than none.
    named = [one for one in there if one.sha256 == wanted] or there
    return max(named, key=lambda one: one.version) if named else None


def _open_fails(bundle: InstalledBundle, config: DeviceConfig, home: Path) -> str:
    try:
        with closing(prove_any(open_bundle(Path(bundle.path)), config, home)):
            return ""
    except ClinicScopeError as error:
        return str(error)


def _remove(home: Path, trial: BundleTrial) -> None:
    """As the only one of its task it would be in use though nobody chose it."""
    for one in list_bundles(home):
        if one.sha256 == trial.sha256 and Path(one.path).parent == home / BUNDLES_DIR:
            shutil.rmtree(one.path, ignore_errors=True)


class Observation:
    """Watches the service, and says of the bundles on trial that they are good. Use as a context.

    Args:
        store: of the device.
        state: of the service.
        observed_s: how long it must be ready.
        every_s: how often it is looked at.
    """

    def __init__(
        self,
        store: Store,
        state: Callable[[], ServiceState],
        observed_s: float = OBSERVED_S,
        every_s: float = _EVERY_S,
    ) -> None:
        self._store, self._state = store, state
        self._observed_s, self._every_s = observed_s, every_s
        self._since: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="trials", daemon=True)

    def __enter__(self) -> Observation:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None or isinstance(error, SystemExit):
            self._forgive()

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self.look()
            except ClinicScopeError as error:
                log.warning("bundles on trial are not watched now: %s", error)

    def look(self) -> None:
        """Ends the trial of what was in use long enough. Raises ConfigError, StoreError."""
        trials = read_trials(self._store.home).trials
        now = time.monotonic()
        seen = {trial.sha256: task for task, trial in trials.items() if self._serves(task, trial)}
        self._since = {sha256: self._since.get(sha256, now) for sha256 in seen}
        for sha256, since in self._since.items():
            if now - since >= self._observed_s:
                self._is_good(seen[sha256], trials[seen[sha256]])

    def _serves(self, task: str, trial: BundleTrial) -> bool:
        """Whether it is in use now; those of single pictures are opened as they are needed."""
        state = self._state()
        ran_on = state.ran_on
        if not state.ready or ran_on is None:
            return False
        if task == MALARIA_CELLS:
            return ran_on.bundle_sha256 == trial.sha256
        return task != MALARIA_STAGES or ran_on.stages_bundle_id == trial.bundle_id

    def _is_good(self, task: str, trial: BundleTrial) -> None:
        end_trial(self._store.home, task)
        detail = {"task": task, "sha256": trial.sha256}
        Audit(self._store).write(DEVICE, KNOWN_GOOD, trial.bundle_id, detail)

    def _forgive(self) -> None:
        """The service was stopped by someone: that start is not held against a bundle."""
        try:
            for task, trial in read_trials(self._store.home).trials.items():
                fewer = replace(trial, starts=max(0, trial.starts - 1))
                begin_trial(self._store.home, task, fewer)
        except ClinicScopeError as error:
            log.warning("a start stays counted: %s", error)
