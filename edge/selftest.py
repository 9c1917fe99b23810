"""Replays a bundle's golden tensors on the runtime that will serve; refuses when they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import GoldenMismatchError, ManifestError
from edge.contract.manifest import GRID, Golden
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime

LOGITS, GREY_LEVELS = "logits", "grey levels"


@dataclass(frozen=True)
class SelfTest:
    """A passed self-test: how many cells, and for each output the largest difference.

    Attributes:
        unit: of the differences, LOGITS or an enhancer's GREY_LEVELS.
    """

    n_cells: int
    differences: dict[str, float]
    tolerances: dict[str, float]
    unit: str = LOGITS

    def __str__(self) -> str:
        """For a person."""
        each = ", ".join(
            f"{name} within {self.differences[name]:.3f} of {allowed}"
            for name, allowed in self.tolerances.items()
        )
        return f"{self.n_cells} golden cells: {each} {self.unit}"


def self_test(bundle: Bundle, runtime: Runtime, golden: Golden | None = None) -> SelfTest:
    """Runs the golden input and compares logits and maps, of two labels or of more, or pictures.

    Args:
        golden: tensors of the network that `runtime` opened; None for the classifier's or
            enhancer's.

    Raises:
        ManifestError: golden tensors of another size, or of an output that the network has not.
        GoldenMismatchError: an output is farther off than the manifest allows, or not finite.
    """
    golden = golden or bundle.manifest.golden
    cells = bundle.array(golden.input_file).astype(np.uint8, casting="safe")
    if not runtime.weights.inputs[0].fits(cells.shape):
        raise ManifestError(
            f"golden input has shape {cells.shape}, {runtime.weights.file} takes "
            f"{runtime.weights.inputs[0].shape}"
        )
    found, unit = _outputs(runtime, cells)
    differences = {}
    for name, file in golden.outputs.items():
        if name not in found:
            raise ManifestError(f"golden output is {name!r}; known: {', '.join(found)}")
        expected = np.asarray(bundle.array(file), np.float32)
        differences[name] = _largest_difference(name, expected, found[name], runtime)
        if differences[name] > golden.tolerances[name]:
            duty = "enhance" if unit == GREY_LEVELS else "screen"
            raise GoldenMismatchError(
                f"golden {name} differs by {differences[name]:.3f} on {runtime.name}/"
                f"{runtime.accelerator}, {golden.tolerances[name]} is allowed: this device would "
                f"give other answers; it must not {duty}. Try another runtime, or install the "
                "bundle again"
            )
    return SelfTest(len(cells), differences, dict(golden.tolerances), unit)


def _outputs(runtime: Runtime, cells: U8Array) -> tuple[dict[str, F32Array], str]:
    """What the network gives, by the names of golden tensors, and in which unit."""
    if runtime.weights.role == "finder":
        return {GRID: np.stack([runtime.grid(image) for image in cells])}, LOGITS
    if runtime.weights.role == "enhancer":
        return {"image": runtime.enlarge(cells).astype(np.float32)}, GREY_LEVELS
    scores = runtime.run(cells)
    return {"logit": scores.logits, "cam": scores.cams}, LOGITS


def _largest_difference(name: str, expected: F32Array, found: F32Array, runtime: Runtime) -> float:
    if found.shape != expected.shape:
        raise GoldenMismatchError(
            f"golden {name} has shape {expected.shape}, {runtime.name} gave {found.shape}"
        )
    return float(np.nan_to_num(np.abs(found - expected).max(initial=0.0), nan=np.inf))
