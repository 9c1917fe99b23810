"""What the appliance costs before its first field: seconds until it answers, memory once idle.

Each start is a process of its own. The page answers once the networks have called the golden cells,
so that is also the time to the first call.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.config import HOME_VARIABLE
from edge.contract.errors import HardwareError

_PROGRAM = ("-c", "from edge.cli import script; script()")
_TIMEOUT_S, _LOOK_S, _IDLE_S = 120.0, 0.01, 2.0
# import time:  self us | cumulative us |   package.module
_IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


@dataclass(frozen=True)
class Start:
    """One start of `clinicscope run`.

    Attributes:
        answered_s: from the process's start until the page said that the device may screen.
        cpu_s: of the process by then, all threads.
        memory_mb: resident memory (1e6 bytes) two seconds later, with pages that other programs
            share; None where the system does not tell (all but Linux).
        own_mb: of that, what no file backs: the memory that starting this program takes away.
    """

    answered_s: float
    cpu_s: float | None
    memory_mb: float | None
    own_mb: float | None


def measure_starts(runs: int) -> list[Start]:
    """Starts on a new data directory; the first one also makes the database.

    Raises:
        HardwareError: the appliance ends, or may not screen.
    """
    with tempfile.TemporaryDirectory() as home:
        return [measure_start(Path(home)) for _ in range(runs)]


def measure_start(home: Path) -> Start:
    """One start on that data directory."""
    began = time.perf_counter()
    with _appliance(home) as (process, address):
        _wait_until_ready(process, address)
        answered_s = time.perf_counter() - began
        cpu_s = _cpu_s(process.pid)
        time.sleep(_IDLE_S)
        return Start(answered_s, cpu_s, _memory_mb(process.pid), _memory_mb(process.pid, "RssAnon"))


def measure_imports(module: str = "web_ui.cli") -> dict[str, float]:
    """Milliseconds that each package takes of importing a module, the longest first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
    took: Counter[str] = Counter()
    for self_us, name in _IMPORTED.findall(done.stderr):
        took[name.partition(".")[0]] += int(self_us)
    return {name: micros / 1000 for name, micros in took.most_common()}


@contextmanager
def _appliance(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, *_PROGRAM, "run", "--port", str(port)],
        env={**os.environ, HOME_VARIABLE: str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process, f"http://127.0.0.1:{port}/healthz"
    finally:
        process.terminate()
        process.communicate(timeout=_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            raise HardwareError(f"the appliance ended with {process.returncode}: {said[-500:]}")
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S):
                return
        except urllib.error.HTTPError as error:
            raise HardwareError(
                f"the appliance answers {error.code}: it may not screen; run `clinicscope doctor`"
            ) from error
        except OSError:
            time.sleep(_LOOK_S)
    raise HardwareError(f"the appliance did not answer within {_TIMEOUT_S:g} s")


def _cpu_s(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int, name: str = "VmRSS") -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else None
