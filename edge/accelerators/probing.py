"""Which runtimes, delegates and providers this device has; nothing is loaded but ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edge.accelerators.libraries import (
    EDGETPU_LIBRARIES,
    GPU_LIBRARIES,
    RUNTIME_MODULES,
    edgetpu_devices,
    installed_version,
    library_path,
    nvidia_devices,
    provider_file,
)
from edge.accelerators.settings import AcceleratorSettings
from edge.contract.errors import ConfigError, RuntimeUnavailableError
from edge.runtimes.base import Device
from edge.runtimes.onnx import check_provider, import_library

CPU = "cpu"
ENGINES_FOLDER = "engines"
# name -> what ONNX Runtime calls it.
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "acl": "ACLExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
# Providers that come as a file of their own, and so are looked for unasked.
SEPARATE_PROVIDERS = ("tensorrt", "cuda", "openvino")
NVIDIA_PROVIDERS = ("tensorrt", "cuda")
# They build an engine for the network first, which takes minutes once.
BUILDING = ("tensorrt", "openvino")
INSTALL = {
    "litert": "pip install ai-edge-litert",
    "tflite_runtime": "pip install 'clinicscope[legacy]' in an environment of its own",
    "onnx": "pip install 'clinicscope[onnx]'",
}
# "runtime/accelerator", the order in which they are listed and a bare name is looked up.
ACCELERATORS = (
    "litert/cpu", "litert/edgetpu", "litert/gpu", "litert/delegate",
    "tflite_runtime/cpu", "tflite_runtime/edgetpu", "tflite_runtime/delegate",
    "onnx/cpu", *(f"onnx/{name}" for name in PROVIDERS),
)  # fmt: skip


@dataclass(frozen=True)
class Accelerator:
    """One way to compute a network here.

    Attributes:
        name: "cpu", "edgetpu", "gpu", "delegate" or a provider's.
        runtime: its key in `edge.runtimes.base.RUNTIMES`.
        present: it may be tried; that it works is proven later.
        why: why it is absent; empty where it is present.
        version: of the runtime's library; empty where it is not known.
        detail: library and devices, for a person.
        device: how the runtime is told; None is the plain processor.
    """

    name: str
    runtime: str
    present: bool
    why: str = ""
    version: str = ""
    detail: str = ""
    device: Device | None = None

    @property
    def key(self) -> str:
        """As settings name it: runtime/accelerator."""
        return f"{self.runtime}/{self.name}"


def probe(
    settings: AcceleratorSettings | None = None, home: Path | None = None
) -> list[Accelerator]:
    """All of ACCELERATORS, present or not."""
    return [probe_one(key, settings, home) for key in ACCELERATORS]


def keys_of(name: str) -> tuple[str, ...]:
    """The accelerators that a setting means, "edgetpu" or "onnx/cuda".

    Raises:
        ConfigError: there is none of that name.
    """
    found = tuple(key for key in ACCELERATORS if name in (key, key.partition("/")[2]))
    if not found:
        raise ConfigError(f"accelerator is {name!r}; known: {', '.join(ACCELERATORS)}")
    return found


def probe_one(
    key: str, settings: AcceleratorSettings | None = None, home: Path | None = None
) -> Accelerator:
    """One of ACCELERATORS.

    Args:
        home: where engines are kept; None keeps none.
    """
    runtime, _, name = key.partition("/")
    found = installed_version(runtime)
    if found is None:
        library = RUNTIME_MODULES[runtime][0]
        return Accelerator(name, runtime, False, f"{library} is absent; {INSTALL[runtime]}")
    looked: Accelerator
    if name == CPU:
        looked = Accelerator(name, runtime, True)
    elif runtime == "onnx":
        looked = _probe_provider(name, settings or AcceleratorSettings(), home)
    else:
        looked = _DELEGATES[name](name, runtime, settings or AcceleratorSettings())
    return replace(looked, version=found)


def automatic() -> list[str]:
    """Accelerators to consider unasked; few files are looked for, since each start does this."""
    keys = [f"onnx/{name}" for name in SEPARATE_PROVIDERS if provider_file(name)]
    if edgetpu_devices():
        keys += keys_of("edgetpu")
    return keys


def _probe_edgetpu(name: str, runtime: str, settings: AcceleratorSettings) -> Accelerator:
    named, devices = settings.edgetpu_library, edgetpu_devices()
    if named and not Path(named).is_file():
        return Accelerator(name, runtime, False, f"no library at {named}")
    library = named or library_path(EDGETPU_LIBRARIES)
    if not library:
        why = f"{EDGETPU_LIBRARIES[0]} is not installed"
        return Accelerator(name, runtime, False, f"{why}; attached: {', '.join(devices) or 'none'}")
    if not devices:
        return Accelerator(name, runtime, False, f"no Edge TPU is attached ({library} is there)")
    detail = f"{library}; {', '.join(devices)}"
    return Accelerator(name, runtime, True, detail=detail, device=Device(name, library))


def _probe_gpu(name: str, runtime: str, _: AcceleratorSettings) -> Accelerator:
    if library := library_path(GPU_LIBRARIES):
        return Accelerator(name, runtime, True, detail=library, device=Device(name, library))
    return Accelerator(name, runtime, False, f"none of {', '.join(GPU_LIBRARIES)} is installed")


def _probe_delegate(name: str, runtime: str, settings: AcceleratorSettings) -> Accelerator:
    path = settings.delegate
    if not path:
        return Accelerator(name, runtime, False, "none is named; give --delegate PATH")
    if not Path(path).is_file():
        return Accelerator(name, runtime, False, f"no library at {path}")
    options = tuple(sorted(settings.delegate_options.items()))
    device = Device(f"delegate {Path(path).name}", str(Path(path).resolve()), options)
    return Accelerator(name, runtime, True, detail=path, device=device)


_DELEGATES: dict[str, Callable[[str, str, AcceleratorSettings], Accelerator]] = {
    "edgetpu": _probe_edgetpu,
    "gpu": _probe_gpu,
    "delegate": _probe_delegate,
}


def _probe_provider(name: str, settings: AcceleratorSettings, home: Path | None) -> Accelerator:
    engines = home / ENGINES_FOLDER / name if home and name in BUILDING else None
    options = _engine_options(name, engines) | settings.options_for(name)
    device = Device(name, PROVIDERS[name], tuple(sorted(options.items())))
    try:
        check_provider(import_library()[0], device)
    except RuntimeUnavailableError as error:
        return Accelerator(name, "onnx", False, str(error))
    if name in NVIDIA_PROVIDERS and not nvidia_devices():
        return Accelerator(name, "onnx", False, "no NVIDIA GPU is attached (no /dev/nvidia0)")
    kept = f"; engines in {engines}" if engines else ""
    return Accelerator(name, "onnx", True, detail=PROVIDERS[name] + kept, device=device)


def _engine_options(name: str, folder: Path | None) -> dict[str, str]:
    """What makes a provider keep its engines, in its own words; made once, they load in seconds."""
    if folder is None:
        return {}
    if name == "openvino":
        return {"cache_dir": str(folder)}
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }
