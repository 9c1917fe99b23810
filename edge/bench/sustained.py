"""The same work for minutes: whether the machine keeps its pace once it is warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bench.sensors import ROOT, read_sensors
from edge.bench.turns import Call, timed_ms

WINDOWS = 24


@dataclass(frozen=True)
class Window:
    """Some seconds of it.

    Attributes:
        at_s: its end, since the start.
        temperature_c: the hottest zone at its end; None where none is told.
        clock_mhz: of the slowest core at its end; None where none is told.
        throttled: what the firmware said then, in words.
    """

    at_s: float
    calls: int
    median_ms: float
    p95_ms: float
    temperature_c: float | None
    clock_mhz: float | None
    throttled: tuple[str, ...]


@dataclass(frozen=True)
class Sustained:
    """All windows.

    Attributes:
        burst_ms: median of the first window.
        steady_ms: median over the medians of the last quarter of the windows.
        drift: share that steady is slower than burst.
    """

    what: str
    seconds: float
    burst_ms: float
    steady_ms: float
    drift: float
    windows: tuple[Window, ...]


def run_sustained(
    what: str,
    call: Call,
    seconds: float,
    root: Path = ROOT,
    windows: int = WINDOWS,
    told: Callable[[float], None] = lambda _: None,
) -> Sustained:
    """Calls without a pause.

    Args:
        told: is given the seconds gone after each window.
    """
    started, found = time.perf_counter(), []
    for window in range(1, windows + 1):
        took = [timed_ms(call)]
        while time.perf_counter() - started < seconds * window / windows:
            took.append(timed_ms(call))
        found.append(_window(time.perf_counter() - started, took, root))
        told(found[-1].at_s)
    burst = found[0].median_ms
    steady = float(np.median([one.median_ms for one in found[-max(1, windows // 4) :]]))
    drift = round(steady / burst - 1, 4)
    return Sustained(what, found[-1].at_s, burst, round(steady, 4), drift, tuple(found))


def _window(at_s: float, took: list[float], root: Path) -> Window:
    sensors = read_sensors(root)
    median, slow = np.percentile(took, (50, 95))
    return Window(
        round(at_s, 1),
        len(took),
        round(float(median), 4),
        round(float(slow), 4),
        sensors.hottest_c,
        min(sensors.clocks_mhz, default=None),
        sensors.now,
    )
