"""Takes a version of the program out of force again: the one before comes back, with its records.

In this order, so that a power cut at any instant leaves something that runs: the records, the link,
then the end of the trial. Run twice, it changes nothing more.
"""

from __future__ import annotations

import logging

from edge.contract.errors import ConflictError
from edge.updates.application import InstalledVersion, Versions
from edge.updates.as_owner import Owner
from edge.updates.trial import (
    TAKEN_BACK,
    LastUpdate,
    Trial,
    end_trial,
    keep_taken_back,
    read_trial,
    tell,
    utc_now,
)

log = logging.getLogger(__name__)
_COPY_S = 1800.0


def go_back(versions: Versions, owner: Owner, why: str) -> InstalledVersion:
    """Puts the version before in force; the service is stopped, and started by the caller.

    Of a version that was found good long ago the records must be readable by the one before.

    Raises:
        ConflictError: there is no version before.
        UpdateError: the version before cannot read the records, and no copy of them is there.
    """
    current, before = versions.current, versions.previous
    if before is None or (current is not None and before.path == current.path):
        raise ConflictError("no other version of the program was in use before this one")
    trial = read_trial(versions)
    records = trial.records if trial else ""
    told = owner.run([before.command, "application", "records-back", records], _COPY_S).strip()
    gone = trial or Trial(*((current.program, current.number) if current else ("", 0)), "", "")
    log.error("version %s goes, %s comes back: %s; %s", gone.program, before.program, why, told)
    keep_taken_back(versions, gone, why)
    versions.switch(before)
    end_trial(versions)
    tell(versions, LastUpdate("", gone.program, gone.number, TAKEN_BACK, why, utc_now()))
    return before
