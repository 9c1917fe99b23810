"""Whether the device's certificate still proves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.certificate import RENEWED_BEFORE, read_certificate
from edge.contract.errors import ClinicScopeError
from edge.health.check import FAILED, OK, WARNING, Check

_NAME = "certificate"


def check_certificate(home: Path, now: datetime | None = None) -> list[Check]:
    """That it is whole and lasts; none on a device that never needed one."""
    advice = "restart the device, which makes another; phones then warn once more"
    try:
        found = read_certificate(home)
    except ClinicScopeError as error:
        return [Check(_NAME, FAILED, str(error), advice)]
    if found is None:
        return []
    left = found.lasts(now or datetime.now(UTC))
    detail = f"until {found.ends:%Y-%m-%d}, SHA-256 {found.fingerprint[:23]}…"
    if left <= timedelta():
        return [Check(_NAME, FAILED, f"ended; {detail}", advice)]
    if left <= RENEWED_BEFORE:
        return [Check(_NAME, WARNING, detail, advice)]
    return [Check(_NAME, OK, detail)]
