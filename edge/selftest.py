"""Replays a bundle's golden tensors on the runtime that will serve; refuses when they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import GoldenMismatchError, ManifestError
from edge.contract.manifest import Golden
from edge.contract.types import F32Array
from edge.runtimes.base import Runtime


@dataclass(frozen=True)
class SelfTest:
    """A passed self-test: how many cells, and for each output the largest difference, in logits."""

    n_cells: int
    differences: dict[str, float]
    tolerances: dict[str, float]

    def __str__(self) -> str:
        """For a person."""
        each = ", ".join(
            f"{name} within {self.differences[name]:.3f} of {allowed}"
            for name, allowed in self.tolerances.items()
        )
        return f"{self.n_cells} golden cells: {each}"


def self_test(bundle: Bundle, runtime: Runtime, golden: Golden | None = None) -> SelfTest:
    """Runs the golden input and compares logits and maps, of two labels or of more.

    Args:
        golden: tensors of the network that `runtime` opened; None for the classifier's.

    Raises:
        ManifestError: golden tensors of an output that is neither `logit` nor `cam`.
        GoldenMismatchError: an output is farther off than the manifest allows, or not finite.
    """
    golden = golden or bundle.manifest.golden
    scores = runtime.run(bundle.array(golden.input_file).astype(np.uint8, casting="safe"))
    found = {"logit": scores.logits, "cam": scores.cams}
    differences = {}
    for name, file in golden.outputs.items():
        if name not in found:
            raise ManifestError(f"golden output is {name!r}; known: {', '.join(found)}")
        expected = np.asarray(bundle.array(file), np.float32)
        differences[name] = _largest_difference(name, expected, found[name], runtime)
        if differences[name] > golden.tolerances[name]:
            raise GoldenMismatchError(
                f"golden {name} differs by {differences[name]:.3f} on {runtime.name}/"
                f"{runtime.accelerator}, {golden.tolerances[name]} is allowed: this device would "
                "give other answers; it must not screen. Try another runtime, or install the "
                "bundle again"
            )
    return SelfTest(len(scores.logits), differences, dict(golden.tolerances))


def _largest_difference(name: str, expected: F32Array, found: F32Array, runtime: Runtime) -> float:
    if found.shape != expected.shape:
        raise GoldenMismatchError(
            f"golden {name} has shape {expected.shape}, {runtime.name} gave {found.shape}"
        )
    return float(np.nan_to_num(np.abs(found - expected).max(initial=0.0), nan=np.inf))
