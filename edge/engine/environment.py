"""What decides the numbers that a machine computes: machines of one work must be alike in it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

# Besides the program: what decodes, resizes, computes, fits and writes.
PACKAGES = (
    "clinicscope", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime",
    "onnxruntime", "tensorflow", "tf-keras", "pyarrow", "ray",
)  # fmt: skip
ABSENT = "not installed"


@cache
def environment() -> Mapping[str, str]:
    """Versions by name, of this process: the processor's kind, Python, and PACKAGES."""
    own = {"processor": platform.machine(), "python": platform.python_version()}
    return own | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ABSENT


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """What differs, for a message; empty where nothing does."""
    names = dict.fromkeys((*here, *there))
    return ", ".join(
        f"{name} {there.get(name, ABSENT)} (here {here.get(name, ABSENT)})"
        for name in names
        if here.get(name, ABSENT) != there.get(name, ABSENT)
    )
