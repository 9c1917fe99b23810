"""Which capture meets which fault: a function of its number, so that what must be on the disk is
known without asking the program that is tested."""

from __future__ import annotations

FIELD, UNREADABLE, DARK, UNPLUG, STALL = "field", "unreadable", "dark", "unplug", "stall"
# (period, phase, fault): a capture's number modulo the period; the first that fits.
_FAULTS = ((701, 340, STALL), (503, 120, UNPLUG), (67, 33, UNREADABLE), (89, 44, DARK))
PREFIX = "soak-"


def fault_of(number: int) -> str:
    """What happens at the capture of that number, FIELD where nothing does."""
    for period, phase, fault in _FAULTS:
        if number % period == phase:
            return fault
    return FIELD


def is_stored(number: int) -> bool:
    """Whether a capture becomes a field of a record: a frame that came, read or refused."""
    return fault_of(number) not in (UNPLUG, STALL)


def name_of(number: int) -> str:
    return f"{PREFIX}{number:06d}.png"


def number_of(name: str) -> int:
    return int(name.removeprefix(PREFIX).removesuffix(".png"))
