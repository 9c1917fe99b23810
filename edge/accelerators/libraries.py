"""Finding delegates and providers without loading any: a broken library must not end the search."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from ctypes.util import find_library
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Module, and the packages that bring it.
RUNTIME_MODULES = {
    "litert": ("ai_edge_litert", ("ai-edge-litert",)),
    "tflite_runtime": ("tflite_runtime", ("tflite-runtime",)),
    "onnx": (
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-training"),
    ),
}
LIBRARY_FOLDERS = (
    Path("/usr/lib"),
    Path("/usr/local/lib"),
    *(Path("/usr/lib") / f"{machine}-linux-gnu" for machine in ("aarch64", "x86_64")),
    Path("/usr/lib/arm-linux-gnueabihf"),
)
EDGETPU_LIBRARIES = ("libedgetpu.so.1", "libedgetpu.so.1.0", "libedgetpu.so")
GPU_LIBRARIES = (
    "libtensorflowlite_gpu_delegate.so",
    "libLiteRtGpuAccelerator.so",
    "libLiteRtClGlAccelerator.so",
)
# libedgetpu's USB devices before and after they got their firmware, and the PCIe one.
EDGETPU_USB = {("1a6e", "089a"): "USB, not yet started", ("18d1", "9302"): "USB"}
EDGETPU_PCI = ("1ac1", "089a")


def installed_version(runtime: str) -> str | None:
    """Version of a runtime's library, "" where it is not said; None where it is not installed."""
    module, packages = RUNTIME_MODULES[runtime]
    try:
        if importlib.util.find_spec(module) is None:
            return None
    except (ImportError, ValueError):
        return None
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def library_path(names: Sequence[str], folders: Iterable[Path] = LIBRARY_FOLDERS) -> str:
    """Where the first of these libraries is, by path or as the loader knows it; "" if nowhere."""
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return str(folder / name)
    for name in names:
        stem = name.removeprefix("lib").partition(".so")[0]
        if found := find_library(stem):
            return found
    return ""


def edgetpu_devices(root: Path = Path("/")) -> list[str]:
    """Edge TPUs that the kernel shows, "USB 2-1" or "PCIe /dev/apex_0"; no driver is asked.

    Args:
        root: where sys and dev are.
    """
    driven = [f"PCIe {path}" for path in sorted((root / "dev").glob("apex_*"))]
    found = list(driven)
    for device in sorted((root / "sys/bus/usb/devices").glob("*")):
        if kind := EDGETPU_USB.get((_read(device / "idVendor"), _read(device / "idProduct"))):
            found.append(f"{kind} {device.name}")
    for device in sorted((root / "sys/bus/pci/devices").glob("*")):
        ids = tuple(_read(device / name).removeprefix("0x") for name in ("vendor", "device"))
        if ids == EDGETPU_PCI and not driven:
            found.append(f"PCIe {device.name}, without its driver (no /dev/apex_0)")
    return found


def nvidia_devices(root: Path = Path("/")) -> list[str]:
    """NVIDIA GPUs that the kernel shows, of a card or of a Jetson."""
    names = ("nvidia[0-9]*", "nvhost-gpu", "nvgpu")
    return [str(path) for name in names for path in sorted((root / "dev").glob(name))]


def provider_file(provider: str) -> str:
    """The file of an ONNX Runtime provider that comes as one, "" where it is not there."""
    try:
        spec = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        return ""
    if spec is None or spec.origin is None:
        return ""
    path = Path(spec.origin).parent / "capi" / f"libonnxruntime_providers_{provider}.so"
    return str(path) if path.is_file() else ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip().lower()
    except OSError:
        return ""
