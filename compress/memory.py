"""Peak memory of a model file: what a process that does nothing else needs to open and run it.

Measured in a child, because this process has TensorFlow in it. `python -m compress.memory` is that
child.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from compress.opened import open_model
from edge.contract.errors import DataError

BATCH = 32
RUNS = 3
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory_mb(format: str, content: bytes, size_px: int, name: str) -> float | None:
    """Megabytes (1e6 bytes) beyond what the process with its runtime had before; median of three.

    Args:
        size_px: side of the square input.
        name: what a message calls the file.

    Returns:
        None on a system that does not tell (all but Linux).

    Raises:
        DataError: the child could not run it.
    """
    if not _RESET.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{format}"
        path.write_bytes(content)
        taken = [_in_child(format, path, size_px, name) for _ in range(RUNS)]
    return round(float(np.median(taken)) / 1e6, 1)


def _in_child(format: str, path: Path, size_px: int, name: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "compress.memory", format, str(path), str(size_px)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"memory of {name} was not measured; its process ended with: {last}")
    return int(done.stdout)


def main(format: str, path: str, size_px: str) -> None:
    """The child: prints the bytes that opening and running the file adds to it."""
    if format == "tflite":
        import ai_edge_litert.interpreter  # noqa: F401
    else:
        import onnxruntime  # noqa: F401
    crops = np.zeros((BATCH, int(size_px), int(size_px), 3), np.uint8)
    # ru_maxrss will not do: it is inherited from the parent through fork and exec, and importing
    # the runtime has peaks of its own. Writing 5 sets the mark back to what is held now (proc(5)).
    _RESET.write_text("5")
    before = _status_bytes("VmRSS")
    opened = open_model(format, Path(path).read_bytes(), path)
    for _ in range(RUNS):
        opened.score(crops, 1 / 255)
    sys.stdout.write(f"{max(0, _status_bytes('VmHWM') - before)}\n")


def _status_bytes(key: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
