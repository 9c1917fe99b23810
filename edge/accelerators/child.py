"""The child process that a delegate or provider is proven in: it may crash or hang, alone.

Started as `python -m edge.accelerators.child` by `proof`, with one JSON object on standard input;
answers in lines of JSON on standard output. What libraries print goes to standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.accelerators.opening import Network, Way, networks_of, open_proven
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import BundleError, ClinicScopeError, NotTakenError
from edge.runtimes.base import Device, Runtime
from edge.runtimes.chunks import BATCH
from edge.runtimes.onnx import count_operations

_CALLS = 15
Say = Callable[[dict[str, Any]], None]


def main() -> int:
    """Does what it is asked, and answers; an error of ours is an answer, too."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    asked = json.load(sys.stdin)
    try:
        say(_TASKS[asked["task"]](asked, say))
    except ClinicScopeError as error:
        say({"ok": False, "kind": type(error).__name__, "why": str(error)})
    # Neither destructors of a library nor threads that it left may hold this up.
    os._exit(0)


def prove(asked: dict[str, Any], say: Say) -> dict[str, Any]:
    """Opens, warms up and tests a bundle's networks; then times the first."""
    bundle = _bundle(asked)
    device = asked["device"]
    way = Way(
        asked["runtime"],
        asked["threads"],
        Device(device[0], device[1], tuple((key, value) for key, value in device[2])),
    )
    networks = networks_of(bundle, asked["roles"])
    say({"step": f"loads {way.key}"})
    runtimes = open_proven(networks, way)
    say({"step": "counts what runs on it"})
    operations = {
        network.role: _count(network, runtime, way)
        for network, runtime in zip(networks, runtimes, strict=True)
    }
    if not any(on_device for on_device, _ in operations.values()):
        raise NotTakenError(f"{way.key} takes no operation")
    say({"step": "measures"})
    return {"ok": True, "operations": operations, "batch_ms": _batch_ms(networks[0], runtimes[0])}


def list_edgetpus(asked: dict[str, Any], _: Say) -> dict[str, Any]:
    """Version and devices as libedgetpu gives them; see edgetpu_c.h."""

    class _Device(ctypes.Structure):
        _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))

    library = ctypes.CDLL(asked["library"])
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
    library.edgetpu_version.restype = ctypes.c_char_p
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(_Device)]
    count = ctypes.c_size_t(0)
    found = library.edgetpu_list_devices(ctypes.byref(count))
    kinds = {0: "PCIe", 1: "USB"}
    devices = [
        f"{kinds.get(found[at].type, 'unknown')} {(found[at].path or b'').decode()}"
        for at in range(count.value)
    ]
    if found:
        library.edgetpu_free_devices(found)
    version = (library.edgetpu_version() or b"").decode()
    return {"ok": True, "version": version, "devices": devices}


_TASKS: dict[str, Callable[[dict[str, Any], Say], dict[str, Any]]] = {
    "prove": prove,
    "edgetpus": list_edgetpus,
}


def _bundle(asked: dict[str, Any]) -> Bundle:
    bundle = open_bundle(Path(asked["bundle"]))
    if bundle.sha256 != asked["sha256"]:
        raise BundleError(f"{bundle.path} was changed since it was opened; open it again")
    return bundle


def _count(network: Network, runtime: Runtime, way: Way) -> tuple[int, int]:
    """Operations on the device, and in all."""
    if runtime.operations:
        return runtime.operations.on_device, runtime.operations.total
    if way.runtime == "onnx" and way.device and runtime.accelerator == way.device.name:
        model = network.bundle.weights_bytes(runtime.weights)
        found = count_operations(model, runtime.weights, way.device)
        return found.on_device, found.total
    return 0, 0


def _batch_ms(network: Network, runtime: Runtime) -> float | None:
    """Best time of a call with a full chunk; None where the network scores no cells."""
    if runtime.weights.role in ("finder", "enhancer"):
        return None
    cells = network.bundle.array(network.bundle.manifest.golden.input_file).astype(np.uint8)
    batch = np.resize(cells, (BATCH, *cells.shape[1:]))
    took = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        runtime.run(batch)
        took.append((time.perf_counter() - started) * 1000)
    return round(min(took), 4)


if __name__ == "__main__":
    sys.exit(main())
