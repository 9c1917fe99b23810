"""What a check tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "failed"
# Of an accelerator: a device need not have it.
PRESENT, ABSENT = "present", "absent"
_RISING = (OK, WARNING, FAILED)


@dataclass(frozen=True)
class Check:
    """One check's outcome. `advice` is empty where there is nothing to do."""

    name: str
    state: str
    detail: str
    advice: str = ""


def worst(checks: Iterable[Check]) -> str:
    """The worst state of all; OK where there is none. Accelerators do not count."""
    counted = [check.state for check in checks if check.state in _RISING]
    return max(counted, key=_RISING.index, default=OK)
