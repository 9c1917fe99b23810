"""The external delegate of delegate.c, compiled: a real library with a fault of choice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from edge.accelerators import AcceleratorSettings
from edge.accelerators.opening import Way
from edge.runtimes.base import Device

SOURCE = Path(__file__).parent / "delegate.c"
NAME = "delegate libdrawn.so"


def build_delegate(folder: Path) -> Path:
    """libdrawn.so in this folder."""
    gcc = shutil.which("gcc")
    assert gcc, "gcc is missing; run tests/edge/accelerators/install_compiler.sh"
    library = folder / "libdrawn.so"
    command = [gcc, "-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-o", library, SOURCE]
    subprocess.run(command, check=True)
    return library


def drawn_device(library: Path, fault: str = "none", name: str = NAME, **options: object) -> Device:
    """The delegate as a device."""
    given = {"fault": fault} | {key: str(value) for key, value in options.items()}
    return Device(name, str(library), tuple(sorted(given.items())))


def drawn_way(library: Path, fault: str = "none", **options: object) -> Way:
    """The delegate under LiteRT."""
    return Way("litert", 1, drawn_device(library, fault, **options))


def drawn_settings(
    library: Path, fault: str = "none", *, restarts: int = 2, **options: object
) -> AcceleratorSettings:
    """What a site sets that wants the delegate; times are short, for what hangs."""
    given = {"fault": fault} | {key: str(value) for key, value in options.items()}
    return AcceleratorSettings(
        names=("delegate",),
        delegate=str(library),
        delegate_options=given,
        # A loaded machine takes seconds to start the child.
        proof_timeout_s=60.0,
        call_timeout_s=1.5,
        restarts=restarts,
    )
