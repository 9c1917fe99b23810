"""What decides the numbers that a machine computes: machines of one work must be alike in it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Besides the program: what decodes, resizes, computes, fits and writes.
PACKAGES = (
    "clinicscope", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime",
    "onnxruntime", "tensorflow", "tf-keras", "pyarrow", "ray",
)  # fmt: skip
ABSENT = "not installed"
# Of a processor's instructions those by which libraries choose how they compute.
INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
CPUINFO = Path("/proc/cpuinfo")
# Folders of this program's code, as far as they are installed.
PROGRAM, FOLDERS = Path(__file__).parents[2], ("edge", "train", "compress")


@cache
def environment() -> Mapping[str, str]:
    """By name what this process is: the processor's kind, Python, PACKAGES, and the code."""
    own = {"processor": platform.machine(), "instructions": _instructions()}
    own |= {"python": platform.python_version(), "code": hash_program()}
    return own | {name: _version(name) for name in PACKAGES}


def _instructions() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.is_file() else []
    told = [line for line in lines if line.lower().startswith(("flags", "features"))]
    words = set(told[0].partition(":")[2].split()) if told else set()
    return " ".join(name for name in INSTRUCTIONS if name in words)


def hash_program() -> str:
    """12 digits of the sha256 of all code: two states of it may have the same version."""
    hashes = [hash_code(PROGRAM / name) for name in FOLDERS if (PROGRAM / name).is_dir()]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]


def hash_code(folder: Path) -> str:
    """sha256 over names and contents of all Python files below."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


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
