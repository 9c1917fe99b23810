"""The board: memory, heat, and the power that it is given. Read below a root, `/` on a device."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.bench.sensors import (
    ROOT,
    read_number,
    read_temperatures,
    read_text,
    read_throttle,
    words_of_throttle,
)
from edge.health.check import FAILED, OK, WARNING, Check

# The appliance needs about 400 MB, and a specimen at work 200 MB more.
LOW_MEMORY_MB, NO_MEMORY_MB = 250.0, 80.0
# Boards throttle from 80 to 85 degrees on (Raspberry Pi documentation, "Frequency management and
# thermal control"; a Jetson Orin from 99 on), and some parts are not made for 95.
HOT_C, TOO_HOT_C = 78.0, 95.0
_COOL = "give it air and shade; clean its fan and its vents"
_POWER = "use the power supply that came with the board, and a short, thick cable"
_UNDER_VOLTAGE = "under-voltage"


def check_machine(root: Path = ROOT) -> list[Check]:
    """All of them."""
    return [check_memory(root), check_temperature(root), check_power(root)]


def check_memory(root: Path = ROOT) -> Check:
    """Memory is left, and no program was ended for want of it."""
    told = dict(_numbers(root / "proc/meminfo"))
    if "MemAvailable" not in told:
        return Check("memory", OK, "this machine does not tell")
    left_mb = told["MemAvailable"] * 1024 / 1e6
    detail = f"{left_mb:,.0f} MB are left of {told['MemTotal'] * 1024 / 1e6:,.0f} MB"
    if left_mb < NO_MEMORY_MB:
        return Check("memory", FAILED, detail, "end other programs, then restart the device")
    if left_mb < LOW_MEMORY_MB:
        return Check("memory", WARNING, detail, "end other programs on this device")
    killed = int(dict(_numbers(root / "proc/vmstat")).get("oom_kill", 0))
    if killed:
        detail += f"; programs ended for want of memory since it was switched on: {killed}"
        return Check(
            "memory", WARNING, detail, "make the file for support, then restart the device"
        )
    return Check("memory", OK, detail)


def _numbers(path: Path) -> Iterator[tuple[str, float]]:
    """Names and numbers of /proc/meminfo (kB) and /proc/vmstat."""
    for name, number in re.findall(r"^(\w+):?\s+(\d+)", read_text(path), re.MULTILINE):
        yield name, float(number)


def check_temperature(root: Path = ROOT) -> Check:
    """No part of it is so hot that it slows down, or suffers."""
    found = read_temperatures(root)
    if not found:
        return Check("temperature", OK, "this machine tells none")
    sensor = max(found, key=lambda name: found[name])
    detail = f"{found[sensor]:.0f} °C at {sensor}"
    if found[sensor] >= TOO_HOT_C:
        return Check("temperature", FAILED, detail, f"switch it off and let it cool; {_COOL}")
    if found[sensor] >= HOT_C:
        return Check("temperature", WARNING, detail, _COOL)
    return Check("temperature", OK, detail)


def check_power(root: Path = ROOT, throttle: Callable[[Path], str] = read_throttle) -> Check:
    """Its supply is strong enough, and nothing has slowed it down.

    A Raspberry Pi tells both by its firmware, and under-voltage by a sensor of its kernel, too; a
    Jetson counts over-currents.
    """
    now, earlier = words_of_throttle(throttle(root))
    if _UNDER_VOLTAGE in now or _voltage_alarm(root):
        return Check("power", FAILED, "the voltage is too low now", _POWER)
    if _UNDER_VOLTAGE in earlier:
        return Check("power", WARNING, "the voltage was too low since it was switched on", _POWER)
    if events := _over_currents(root):
        detail = f"{events} over-currents since it was switched on, each of which slowed it down"
        return Check("power", WARNING, detail, f"{_POWER}; or choose a mode of less power")
    if now:
        return Check("power", WARNING, f"it is slowed down now: {', '.join(now)}", _COOL)
    if earlier:
        detail = f"it was slowed down since it was switched on: {', '.join(earlier)}"
        return Check("power", WARNING, detail, _COOL)
    return Check("power", OK, "enough, and nothing has slowed it down")


def _voltage_alarm(root: Path) -> bool:
    """Of the kernel's driver raspberrypi-hwmon, which needs no right to ask the firmware."""
    chips = [
        chip
        for chip in root.glob("sys/class/hwmon/hwmon*")
        if read_text(chip / "name") == "rpi_volt"
    ]
    return any(read_number(chip / "in0_lcrit_alarm") for chip in chips)


def _over_currents(root: Path) -> int:
    """Of a Jetson (NVIDIA, "Jetson Orin Nano Series", over-current event count)."""
    counts = [read_number(file) for file in root.glob("sys/class/hwmon/hwmon*/oc*_event_cnt")]
    return int(sum(count for count in counts if count))
