"""Compiles networks for the Edge TPU with Coral's compiler, where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from compress.edge_tpu import COMPILED_OP, fixed_batch
from compress.pack import hashes, write_proven
from edge.contract.bundle import MANIFEST, SIGNATURE, Bundle
from edge.contract.errors import DataError, RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.contract.manifest_json import format_manifest

COMPILER = "edgetpu_compiler"
FORMAT = "edgetpu"
TIMEOUT_S = 600.0
_COUNT = re.compile(r"Number of operations that will run on (Edge TPU|CPU): (\d+)")


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """What the compiler made.

    Attributes:
        on_tpu, on_processor: operations, as the compiler counts; None where it does not say.
    """

    content: bytes
    on_tpu: int | None
    on_processor: int | None

    def __str__(self) -> str:
        """For a person."""
        if self.on_tpu is None:
            return f"compiled; {COMPILER} does not say what stays on the processor"
        return f"compiled; {self.on_tpu} operations on the Edge TPU, {self.on_processor} not"


def find_compiler() -> str:
    """Path of the compiler. Raises RuntimeUnavailableError where it is not on the PATH."""
    if path := shutil.which(COMPILER):
        return path
    raise RuntimeUnavailableError(
        f"{COMPILER} is not on the PATH; Coral gives it for x86-64 Debian (package "
        "edgetpu-compiler); `--check` says without it what would run where"
    )


def compile_model(
    content: bytes, file: str, *, any_size: bool = False, timeout_s: float = TIMEOUT_S
) -> CompiledModel:
    """Compiles a TFLite file for one image at a time.

    Args:
        any_size: as for `place_operations`.

    Raises:
        RuntimeUnavailableError: the compiler is not installed.
        DataError: the compiler refuses the file, hangs, or maps nothing of it.
    """
    compiler = find_compiler()
    fixed = fixed_batch(content, file, any_size=any_size)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{Path(file).stem}.tflite"
        source.write_bytes(fixed)
        said = _run([compiler, "-s", "-o", folder, str(source)], file, timeout_s)
        made = Path(folder) / f"{source.stem}_edgetpu.tflite"
        if not made.is_file():
            raise DataError(f"{COMPILER} made no {made.name} of {file}: {_last(said)}")
        compiled = made.read_bytes()
    if COMPILED_OP.encode() not in compiled:
        raise DataError(f"{COMPILER} mapped no operation of {file}: {_last(said)}")
    counts = {where: int(count) for where, count in _COUNT.findall(said)}
    return CompiledModel(compiled, counts.get("Edge TPU"), counts.get("CPU"))


def _run(command: list[str], file: str, timeout_s: float) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{COMPILER} took more than {timeout_s:g} s over {file}") from error
    except OSError as error:
        raise DataError(f"{COMPILER} cannot be started: {error}") from error
    said = f"{done.stdout}\n{done.stderr}"
    if done.returncode:
        raise DataError(
            f"{COMPILER} refuses {file} with exit code {done.returncode}: {_last(said)}"
        )
    return said


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def add_compiled(
    bundle: Bundle, compiled: Mapping[str, CompiledModel], out: Path, *, as_zip: bool = False
) -> Bundle:
    """The bundle with compiled networks beside its own, under a manifest of its own hash.

    What they answer is proven on the device: without an Edge TPU nobody can run them. It may be
    larger than what ships with the program, since one site made it for its own board.

    Args:
        compiled: by the role of the network.

    Raises:
        DataError: `out` exists.
        GoldenMismatchError: the networks that can run here do not give their golden tensors.
    """
    if out.exists():
        raise DataError(f"{out} exists; give another --out")
    files = {name: data for name, data in bundle.files.items() if name not in (MANIFEST, SIGNATURE)}
    weights = [one for one in bundle.manifest.weights if one.format != FORMAT]
    for role, model in compiled.items():
        own = bundle.manifest.weights_for(role, "tflite")
        entry = _entry(own, model.content)
        weights.append(entry)
        files[entry.file] = model.content
    manifest = replace(bundle.manifest, weights=tuple(weights))
    files[MANIFEST] = format_manifest(manifest).encode()
    return write_proven(files, out, as_zip)


def _entry(own: Weights, content: bytes) -> Weights:
    """The manifest's entry of a compiled file: tensors as those that it was made of."""
    file = f"{Path(own.file).stem}_edgetpu.tflite"
    sha256 = hashes({file: content})[file]
    return replace(own, format=FORMAT, file=file, sha256=sha256, bytes=len(content))
