"""The device's clock on a form: beside that of the phone, which may set it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import request

from edge.clock import CLOSE_S, compare, read_time
from edge.store.audit import Audit
from edge.store.checks import clock_problem
from web_ui.context import context
from web_ui.device import device
from web_ui.person import person

CLOCK_SET = "clock.set"


@dataclass(frozen=True)
class ClockForm:
    """What the template reads.

    Attributes:
        device_utc: the device's time when the page was made, ISO 8601.
        close_s: a difference below this is none.
        problem: why the clock cannot be right; empty where it can.
    """

    device_utc: str
    close_s: float
    problem: str

    @classmethod
    def now(cls) -> ClockForm:
        """As it is now."""
        return cls(
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            CLOSE_S,
            clock_problem(context().store),
        )


def set_by_form() -> bool:
    """Sets the device's clock where the form asks for it; True where it had to be set.

    Raises:
        DataError: the time in the form is none, or cannot be.
        HardwareError: this program may not set the clock.
    """
    given = request.form.get("typed_time", "").strip() or request.form.get("phone_time", "")
    if "set_clock" not in request.form or not given:
        return False
    reading = compare(datetime.now(UTC), read_time(given))
    if reading.agrees:
        return False
    device().set_clock(reading.other_utc)
    moved = {name: value.isoformat(timespec="seconds") for name, value in vars(reading).items()}
    Audit(context().store).write(person() or "first run", CLOCK_SET, "clock", moved)
    return True
