"""What this machine is, what runs on it, and how much of it others took meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.bench.sensors import ROOT, read_text
from edge.engine.environment import hash_code

_PACKAGES = ("clinicscope", "ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy",
             "opencv-python-headless")  # fmt: skip
_HERE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Machine:
    """Board, system and code.

    Attributes:
        packages: name to version, of those installed.
        code_sha256: of every Python file of this program's device part, names and contents.
    """

    board: str
    processor: str
    cores: int
    memory_mb: float | None
    kernel: str
    system: str
    python: str
    packages: dict[str, str]
    code_sha256: str


@dataclass(frozen=True)
class Load:
    """What else ran meanwhile.

    Attributes:
        others_cores: processors' worth of time that other processes and the host took, mean; None
            where the system does not tell.
        stolen_cores: of that, what the host took from this virtual machine.
        load_average: of the last minute, when the measurement began.
        preempted: times that this process was taken off its processor.
    """

    others_cores: float | None
    stolen_cores: float | None
    load_average: float | None
    preempted: int


def read_machine(root: Path = ROOT) -> Machine:
    """Describes this machine."""
    return Machine(
        _board(root),
        _field(root / "proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        os.cpu_count() or 1,
        _memory_mb(root),
        f"{platform.system()} {platform.release()} {platform.machine()}",
        _field(root / "etc/os-release", "PRETTY_NAME", "=").strip('"'),
        platform.python_version(),
        dict(_versions()),
        hash_code(_HERE),
    )


class LoadMeter:
    """Starts to count when it is made; `stop` says what others took since."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._started = time.monotonic()
        self._busy, self._stolen = _jiffies(root)
        self._own = _own_s()
        self._preempted = _preempted()
        average = read_text(root / "proc/loadavg").split()
        self._average = float(average[0]) if average else None

    def stop(self) -> Load:
        """What others took."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        preempted = _preempted() - self._preempted
        busy, stolen = _jiffies(self._root)
        if busy is None or self._busy is None or stolen is None or self._stolen is None:
            return Load(None, None, self._average, preempted)
        others = (busy - self._busy - (_own_s() - self._own)) / seconds
        return Load(
            round(max(0.0, others), 3),
            round((stolen - self._stolen) / seconds, 3),
            self._average,
            preempted,
        )


def _jiffies(root: Path) -> tuple[float | None, float | None]:
    """Seconds of all processors: busy or stolen, and stolen alone (proc(5))."""
    first = read_text(root / "proc/stat").split("\n", 1)[0].split()
    if len(first) < 9 or first[0] != "cpu":
        return None, None
    per_s = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, interrupts, soft, stolen = (int(word) for word in first[1:9])
    return (user + nice + system + interrupts + soft + stolen) / per_s, stolen / per_s


def _own_s() -> float:
    """Processor time of this process and of the children that it has waited for."""
    return sum(os.times()[:4])


def _preempted() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _board(root: Path) -> str:
    tree = read_text(root / "proc/device-tree/model")
    if tree:
        return tree
    names = ("sys_vendor", "product_name")
    known = [read_text(root / "sys/class/dmi/id" / name) for name in names]
    return " ".join(word for word in known if word) or "unknown"


def _field(path: Path, key: str, separator: str = ":") -> str:
    for line in read_text(path).splitlines():
        name, _, value = line.partition(separator)
        if name.strip() == key:
            return value.strip()
    return ""


def _memory_mb(root: Path) -> float | None:
    told = _field(root / "proc/meminfo", "MemTotal").split()
    return round(int(told[0]) * 1024 / 1e6) if told else None


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
