"""Energy of a call, where the machine has a sensor: a counter (RAPL) or rails with their power."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bench.sensors import ROOT, hwmon_rails, read_number, read_text
from edge.bench.turns import Call

SECONDS = 3.0
_SAMPLE_S = 0.02
# Of several rails, the one that all current passes through.
_WHOLE_BOARD = ("VDD_IN", "POM_5V_IN", "VDD_GPU_SOC")


@dataclass(frozen=True)
class Energy:
    """What a call costs, measured over some seconds of calls and as long of doing nothing.

    Attributes:
        sensor: which, and what it measures.
        idle_w, busy_w: mean power.
        call_mj: millijoules a call, all that was drawn.
        above_idle_mj: millijoules a call beyond what doing nothing draws.
    """

    what: str
    sensor: str
    idle_w: float
    busy_w: float
    call_mj: float
    above_idle_mj: float


def measure_energy(
    what: str, call: Call, root: Path = ROOT, seconds: float = SECONDS
) -> Energy | None:
    """Measures calls after a rest as long; None where the machine has no sensor."""
    meter = _Counters.found(root) or _Rails.found(root)
    if meter is None:
        return None
    idle_w, _ = meter.mean_w(lambda: time.sleep(seconds / 10), seconds)
    busy_w, calls_per_s = meter.mean_w(call, seconds)
    busy_mj, idle_mj = (1000 * power / calls_per_s for power in (busy_w, idle_w))
    values = (round(value, 4) for value in (idle_w, busy_w, busy_mj, busy_mj - idle_mj))
    return Energy(what, meter.title, *values)


@dataclass(frozen=True)
class _Counters:
    """RAPL's counters of the processor packages, microjoules, each with where it starts again."""

    files: tuple[Path, ...]

    @property
    def title(self) -> str:
        names = ", ".join(read_text(file.parent / "name") for file in self.files)
        return f"RAPL, {names}: the processor alone"

    @staticmethod
    def found(root: Path) -> _Counters | None:
        # Whole packages have one number (intel-rapl:0), their parts two (intel-rapl:0:0).
        files = sorted(root.glob("sys/class/powercap/*-rapl:?/energy_uj"))
        # Since 2020 the counter is for root alone, because it leaks what is computed.
        readable = tuple(file for file in files if read_number(file) is not None)
        return _Counters(readable) if readable else None

    def mean_w(self, call: Call, seconds: float) -> tuple[float, float]:
        """Mean power, and calls a second."""
        before = [read_number(file) or 0.0 for file in self.files]
        calls, took_s = _repeat(call, seconds)
        used = 0.0
        for file, start in zip(self.files, before, strict=True):
            gone = (read_number(file) or 0.0) - start
            if gone < 0:
                gone += read_number(file.parent / "max_energy_range_uj") or 0.0
            used += gone
        return used / 1e6 / took_s, calls / took_s


@dataclass(frozen=True)
class _Rails:
    """Rails of power monitors, sampled meanwhile by a thread of their own."""

    root: Path
    rails: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"power monitor, {', '.join(self.rails)}"

    @staticmethod
    def found(root: Path) -> _Rails | None:
        rails = dict(hwmon_rails(root))
        whole = [name for name in _WHOLE_BOARD if name in rails]
        return _Rails(root, tuple(whole[:1] or rails)) if rails else None

    def mean_w(self, call: Call, seconds: float) -> tuple[float, float]:
        """Mean power, and calls a second."""
        samples: list[float] = []
        over = threading.Event()

        def sample() -> None:
            while not over.is_set():
                now = dict(hwmon_rails(self.root))
                samples.append(sum(now.get(name, 0.0) for name in self.rails))
                over.wait(_SAMPLE_S)

        thread = threading.Thread(target=sample, name="power")
        thread.start()
        try:
            calls, took_s = _repeat(call, seconds)
        finally:
            over.set()
            thread.join()
        return float(np.mean(samples)), calls / took_s


def _repeat(call: Call, seconds: float) -> tuple[int, float]:
    started, calls = time.perf_counter(), 0
    while (took := time.perf_counter() - started) < seconds or not calls:
        call()
        calls += 1
    return calls, took
