"""The device's clock beside another one: how far they are apart, and setting it where that is
permitted.

A board without a battery comes back from a power cut in the past; offline, the clock that is most
likely right is that of the phone at the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge.contract.errors import DataError, HardwareError
from edge.store.checks import EARLIEST_UTC

# Two clocks that are nearer than this agree: people read minutes.
CLOSE_S = 60.0
# A phone that is further ahead than this is set wrongly itself.
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ClockReading:
    """Both clocks at one moment."""

    device_utc: datetime
    other_utc: datetime

    @property
    def behind_s(self) -> float:
        """Seconds by which the device is behind; negative where it is ahead."""
        return (self.other_utc - self.device_utc).total_seconds()

    @property
    def agrees(self) -> bool:
        """They are as good as the same."""
        return abs(self.behind_s) < CLOSE_S


def read_time(text: str) -> datetime:
    """A time as a browser writes it, in UTC.

    Raises:
        DataError: no ISO 8601 time with a zone, or one that no clock of today can show.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise DataError(f"time is {text[:40]!r}; give one such as 2026-11-26T13:00:00Z") from error
    if moment.tzinfo is None:
        raise DataError(f"time is {text[:40]!r}, without a zone; add Z or +03:00")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise DataError(f"time is {text[:40]!r}, which is no time of today") from error
    if not datetime.fromisoformat(EARLIEST_UTC) <= moment < _LATEST:
        raise DataError(
            f"time is {moment.isoformat(timespec='seconds')}, which cannot be: this program was "
            f"made after {EARLIEST_UTC[:10]}; set the clock of the phone first"
        )
    return moment


def compare(device_utc: datetime, other_utc: datetime) -> ClockReading:
    """The device's clock beside another. Both must have a zone."""
    return ClockReading(device_utc.astimezone(UTC), other_utc.astimezone(UTC))


def set_clock(utc: datetime, setter: Callable[[float], None] | None = None) -> None:
    """Sets the clock of the system.

    Args:
        utc: the time now, with a zone.
        setter: takes seconds since 1970; None for the system's own clock.

    Raises:
        HardwareError: this program may not, or the system refuses; with what to do.
    """
    try:
        (setter or _set_system)(utc.timestamp())
    except (OSError, OverflowError) as error:
        shown = f"{utc.astimezone(UTC) + timedelta(seconds=30):%Y-%m-%d %H:%M}"
        raise HardwareError(
            "this program may not set the clock of this device; who may, runs "
            f"`sudo date --utc --set='{shown}'` on it"
        ) from error


def _set_system(seconds: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, seconds)
