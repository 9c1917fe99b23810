"""Cold start and memory of one network, in a process that does nothing else.

This process has opened networks before and holds OpenCV, frames and timings; a child, see
`cold_child`, has not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from edge.bench.networks import Network
from edge.contract.errors import DataError

CALLS = 200


@dataclass(frozen=True)
class Cold:
    """One network from a fresh process on.

    Attributes:
        import_ms: of this program's contract and runtimes with NumPy and OpenCV; the library of the
            runtime is imported on opening.
        open_ms: from the bundle's files, hashes checked, to a network that can be called.
        first_ms: the first call.
        warm_up_calls: calls before one was within a tenth of the median of the later half.
        warm_ms: that median.
        before_mb, open_mb, steady_mb, peak_mb: resident memory (1e6 bytes) before the imports,
            once open, after all calls, and at its highest since; None where the system does not
            tell (all but Linux).
    """

    role: str
    runtime: str
    import_ms: float
    open_ms: float
    first_ms: float
    warm_up_calls: int
    warm_ms: float
    before_mb: float | None
    open_mb: float | None
    steady_mb: float | None
    peak_mb: float | None


def measure_cold(network: Network, calls: int = CALLS) -> Cold:
    """Opens the network in a child and calls it again and again.

    Raises:
        DataError: the child could not.
    """
    runtime = network.runtime
    words = (network.bundle.path, network.role, runtime.name, runtime.threads, calls)
    done = subprocess.run(
        [sys.executable, "-m", "edge.bench.cold_child", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"cold start of {network.name} was not measured; its process said: {last}")
    return Cold(network.role, runtime.name, **json.loads(done.stdout.splitlines()[-1]))
