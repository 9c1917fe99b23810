"""How the device is, in a few figures for the first page; `health` has all of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from edge.bench.sensors import ROOT, read_temperatures, read_throttle_file
from edge.health import OK
from edge.health.disk import FULL_DISK_BYTES, LOW_DISK_BYTES
from edge.health.machine import HOT_C, check_power

_GB = 1024**3


@dataclass(frozen=True)
class DeviceFacts:
    """The figures.

    Attributes:
        free_gb: of the disk with the records.
        hottest_c: the highest temperature; None where the device tells none.
        power: what is wrong with its supply; empty where nothing is told of it.
    """

    free_gb: float
    hottest_c: float | None
    power: str = ""

    @property
    def disk_tone(self) -> str:
        """Of the free room: fine, little, or none."""
        free = self.free_gb * _GB
        return "fault" if free < FULL_DISK_BYTES else "unsure" if free < LOW_DISK_BYTES else "plain"

    @property
    def is_hot(self) -> bool:
        """It will slow down."""
        return self.hottest_c is not None and self.hottest_c >= HOT_C


def read_facts(home: Path, root: Path = ROOT) -> DeviceFacts:
    """Reads them; a few files, no program."""
    temperatures = read_temperatures(root)
    power = check_power(root, read_throttle_file)
    return DeviceFacts(
        shutil.disk_usage(home).free / _GB,
        max(temperatures.values(), default=None),
        "" if power.state == OK else power.detail,
    )
