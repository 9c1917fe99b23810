"""Bundles on trial: chosen newly, and not yet known to be good. Owns the file that says so.

It is written before the choice, so that a power cut between both leaves a trial of what was never
chosen, which counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fcntl import LOCK_EX, flock
from pathlib import Path

from edge.bundle_choice import read_choices
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.store.files import make_folder, write_durably

TRIALS_FILE = "bundle-trials.json"
_LOCK_FILE = "bundle-trials.lock"
_MOST_KEPT = 20


@dataclass(frozen=True)
class BundleTrial:
    """A bundle that is not yet known to be good.

    Attributes:
        sha256: of its manifest.
        starts: how often the service was started with it.
    """

    bundle_id: str
    sha256: str
    began_utc: str
    starts: int = 0


@dataclass(frozen=True)
class ReturnedBundle:
    """A bundle that failed here and that the device itself took out of use."""

    task: str
    bundle_id: str
    sha256: str
    why: str
    at_utc: str


@dataclass(frozen=True)
class BundleTrials:
    """All trials by task, and what failed, oldest first."""

    trials: dict[str, BundleTrial] = field(default_factory=dict)
    returned: tuple[ReturnedBundle, ...] = ()


def read_trials(home: Path) -> BundleTrials:
    """Trials of what is chosen now.

    Raises:
        ConfigError: the file, or that of the choices, is damaged.
    """
    path = home / TRIALS_FILE
    if not path.exists():
        return BundleTrials()
    try:
        found = from_plain(BundleTrials, json.loads(path.read_bytes()), TRIALS_FILE)
    except (ValueError, RecursionError, ManifestError) as error:
        raise ConfigError(f"{path} is damaged ({error}); remove it") from error
    chosen = {task: kept[-1].sha256 for task, kept in read_choices(home).items()}
    there = {t: one for t, one in found.trials.items() if chosen.get(t) == one.sha256}
    return replace(found, trials=there)


def begin_trial(home: Path, task: str, trial: BundleTrial) -> None:
    """Written before the choice. Raises ConfigError, StoreError."""
    with _changing(home):
        found = read_trials(home)
        _write(home, replace(found, trials={**found.trials, task: trial}))


def end_trial(home: Path, task: str) -> None:
    """The bundle of this task is no longer on trial."""
    with _changing(home):
        found = read_trials(home)
        left = {other: one for other, one in found.trials.items() if other != task}
        _write(home, replace(found, trials=left))


def keep_returned(home: Path, returned: ReturnedBundle) -> None:
    """Remembers what failed, so that no stick brings it into use again by itself."""
    with _changing(home):
        found = read_trials(home)
        others = tuple(one for one in found.returned if one.sha256 != returned.sha256)
        left = {task: one for task, one in found.trials.items() if task != returned.task}
        _write(home, BundleTrials(left, (*others, returned)[-_MOST_KEPT:]))


@contextmanager
def _changing(home: Path) -> Iterator[None]:
    """One at a time, of the service and of whoever is at the console."""
    make_folder(home)
    with (home / _LOCK_FILE).open("ab") as file:
        flock(file, LOCK_EX)
        yield


def _write(home: Path, trials: BundleTrials) -> None:
    write_durably(home / TRIALS_FILE, (json.dumps(to_plain(trials), indent=1) + "\n").encode())
