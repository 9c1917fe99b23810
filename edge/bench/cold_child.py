"""The child of `cold`: opens one network and calls it, and prints what that took as JSON.

Nothing of this project and no NumPy is imported before the clock runs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# A call is warm once it is within this share of the median of the later half.
_WARM_SHARE = 0.1
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def warm_up_of(took_ms: Sequence[float]) -> tuple[int, float]:
    """Calls before the first warm one, and the median of the later half."""
    later = sorted(took_ms[len(took_ms) // 2 :])
    warm_ms = later[len(later) // 2]
    limit = warm_ms * (1 + _WARM_SHARE)
    return next(at for at, took in enumerate(took_ms) if took <= limit), warm_ms


def main(path: str, role: str, runtime: str, threads: str, calls: str) -> None:
    """The child: prints what it took as JSON."""
    # ru_maxrss is inherited through fork and exec; writing 5 sets the mark back (proc(5)).
    before_mb = _memory_mb("VmRSS")
    started = time.perf_counter()
    from edge.bench.networks import network_of
    from edge.contract.bundle import open_bundle
    from edge.runtimes.base import open_runtime

    imported = time.perf_counter()
    bundle = open_bundle(Path(path))
    opened = open_runtime(bundle, role, threads=int(threads), names=(runtime,))
    ready = time.perf_counter()
    open_mb = _memory_mb("VmRSS")
    call, _ = network_of(bundle, role, opened).caller(1)
    if _RESET.exists():
        _RESET.write_text("5")
    took = []
    for _ in range(int(calls)):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    warm_up, warm_ms = warm_up_of(took)
    found = {
        "import_ms": round((imported - started) * 1000, 2),
        "open_ms": round((ready - imported) * 1000, 2),
        "first_ms": round(took[0], 4),
        "warm_up_calls": warm_up,
        "warm_ms": round(warm_ms, 4),
        "before_mb": before_mb,
        "open_mb": open_mb,
        "steady_mb": _memory_mb("VmRSS"),
        "peak_mb": _memory_mb("VmHWM"),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def _memory_mb(key: str) -> float | None:
    if not _STATUS.exists():
        return None
    lines = _STATUS.read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
    return round(kilobytes * 1024 / 1e6, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
