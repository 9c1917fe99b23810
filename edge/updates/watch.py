"""Watches a version on trial from outside, and decides: good, or taken back.

Good is what root itself saw: the page said for a while without a break that the device may screen.
What the service says of itself is not asked.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from edge.contract.errors import ConfigError
from edge.updates.application import InstalledVersion, Versions
from edge.updates.as_owner import Owner, running_command
from edge.updates.floors import raise_floor
from edge.updates.signature import SIGNATURE_FILE, parse_envelope
from edge.updates.trial import GOOD, LastUpdate, end_trial, read_trial, tell, utc_now

_ASK_S, _BETWEEN_S = 5.0, 1.0
_FORGET, _FORGET_S = ("application", "forget-records"), 60.0


@dataclass(frozen=True)
class Patience:
    """How long the page must answer well, and within which time.

    Attributes:
        well_s: without a break.
        within_s: from the start of watching; then the version is taken back.
    """

    well_s: float = 60.0
    within_s: float = 300.0

    def __post_init__(self) -> None:
        if not 0 <= self.well_s < self.within_s:
            raise ConfigError(
                f"well for {self.well_s:.0f} s within {self.within_s:.0f} s; the second must be "
                "the longer one"
            )


def is_well(url: str, patience: Patience, clock: Callable[[], float] = time.monotonic) -> str:
    """Waits until the page has answered well for long enough.

    Returns:
        empty once it has; else what its last answer was.
    """
    began = clock()
    since: float | None = None
    problem = "it gave no answer"
    while (now := clock()) - began < patience.within_s:
        problem = _ask(url)
        since = None if problem else (now if since is None else since)
        if since is not None and now - since >= patience.well_s:
            return ""
        time.sleep(_BETWEEN_S if patience.well_s >= _BETWEEN_S else 0.05)
    return problem or "it did not stay well for long enough"


def find_good(versions: Versions, owner: Owner) -> InstalledVersion | None:
    """The version in force is good from now on; None where none was on trial.

    Older versions are never taken from outside after this. A power cut in between is no harm: the
    version is on trial still, and is watched again.
    """
    trial, current = read_trial(versions), versions.current
    if trial is None or current is None:
        return None
    signature = current.path / SIGNATURE_FILE
    if signature.is_file():
        raise_floor(versions.root, parse_envelope(signature.read_bytes()))
    end_trial(versions)
    tell(versions, LastUpdate("", trial.program, trial.number, GOOD, "", utc_now()))
    if trial.records:
        owner.run([running_command(), *_FORGET, trial.records], _FORGET_S)
    return current


def _ask(url: str) -> str:
    """Empty where the page says that the device may screen; else what it says."""
    try:
        with urllib.request.urlopen(url, timeout=_ASK_S, context=_context()) as answer:
            status = json.loads(answer.read(10_000)).get("status")
    except urllib.error.HTTPError as error:
        with error:
            return f"{url} answered {error.code}"
    except (OSError, ValueError, AttributeError) as error:
        return f"{url}: {error}"
    return "" if status == "ok" else f"{url} says {status!r}"


def _context() -> ssl.SSLContext:
    """The device's own certificate on this machine's own address: nobody stands in between."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
