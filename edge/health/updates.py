"""Whether an update waits, is on trial, or was taken back."""

from __future__ import annotations

import time
from pathlib import Path

from edge.contract.errors import ClinicScopeError
from edge.health.check import OK, WARNING, Check
from edge.updates.application import Versions
from edge.updates.bundle_trial import read_trials
from edge.updates.trial import REFUSED, TAKEN_BACK, last_update, read_trial

NAME = "updates"
INCOMING = Path("updates", "incoming")
# Root's part begins at once, and takes minutes on a slow card.
APPLIED_WITHIN_S = 1800.0
_AGAIN = "give it the update again, or one of a newer version; see docs/updates.md"


def check_updates(
    home: Path, versions: Versions | None = None, now_s: float | None = None
) -> Check:
    """The program's and the bundles'.

    Args:
        home: the data directory.
        versions: of the program; None for where an installed device has them.
        now_s: seconds since 1970; None for now.
    """
    versions = versions or Versions()
    try:
        late = _waits_too_long(home, time.time() if now_s is None else now_s)
        if late:
            advice = "see `journalctl -u clinicscope-update`, then give it the update again"
            return Check(NAME, WARNING, f"{late} waits to be applied", advice)
        return _outcome(home, versions)
    except (ClinicScopeError, OSError) as error:
        return Check(NAME, WARNING, str(error), "remove that file; what runs goes on")


def _waits_too_long(home: Path, now_s: float) -> str:
    folder = home / INCOMING
    if not folder.is_dir():
        return ""
    # A clock that was set back makes a file look as if it came from the future: it counts, too.
    late = [
        one.name
        for one in sorted(folder.iterdir())
        if not one.name.startswith(".") and abs(now_s - one.stat().st_mtime) > APPLIED_WITHIN_S
    ]
    return ", ".join(late)


def _outcome(home: Path, versions: Versions) -> Check:
    trials = read_trials(home)
    told = [f"bundle {one.bundle_id} is on trial" for one in trials.trials.values()]
    if trial := read_trial(versions):
        told.append(f"version {trial.program} is on trial since {trial.began_utc}")
    if told:
        return Check(NAME, OK, "; ".join(told))
    last = last_update(versions)
    if last and last.outcome in (REFUSED, TAKEN_BACK):
        detail = f"version {last.program or last.file} was {last.outcome}: {last.why}"
        return Check(NAME, WARNING, detail, _AGAIN)
    if trials.returned:
        back = trials.returned[-1]
        detail = f"bundle {back.bundle_id} was {TAKEN_BACK} at {back.at_utc}: {back.why}"
        return Check(NAME, WARNING, detail, _AGAIN)
    return Check(NAME, OK, "none waits")
