"""The appliance's service, stopped and started by systemd where that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from edge.contract.errors import UpdateError

UNIT, OBSERVER = "clinicscope.service", "clinicscope-observe.service"
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_TIMEOUT_S = 120


class Service(Protocol):
    """What serves the page."""

    def stop(self) -> None:
        """Ends it; a specimen at work is stored first."""

    def start(self, *, watched: bool = False) -> None:
        """Starts it, and who watches a version on trial; waits for neither."""


class SystemdService:
    """The unit of the appliance."""

    def stop(self) -> None:
        """See `Service`."""
        _systemctl("stop", UNIT)

    def start(self, *, watched: bool = False) -> None:
        """See `Service`. What had failed too often may start again."""
        _systemctl("reset-failed", UNIT, may_fail=True)
        _systemctl("start", "--no-block", UNIT)
        if watched:
            _systemctl("restart", "--no-block", OBSERVER, may_fail=True)


class NoService:
    """Where no systemd runs: whoever started the program by hand starts it again."""

    def stop(self) -> None:
        """Nothing is stopped."""

    def start(self, *, watched: bool = False) -> None:
        """Nothing is started."""


def service_of_this_machine() -> Service:
    """The unit where systemd runs."""
    return SystemdService() if _BOOTED.is_dir() else NoService()


def _systemctl(*words: str, may_fail: bool = False) -> None:
    try:
        done = subprocess.run(
            ["systemctl", *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateError(f"systemctl {' '.join(words)}: {error}") from error
    if done.returncode and not may_fail:
        raise UpdateError(f"systemctl {' '.join(words)} failed: {done.stderr.strip()[:300]}")
