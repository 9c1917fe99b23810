"""Replays a bundle's golden tensors on the runtime that will serve; refuses when they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import GoldenMismatchError
from edge.runtimes.base import Runtime


@dataclass(frozen=True)
class SelfTest:
    """A passed self-test: how many cells, and the largest difference met, in logits."""

    n_cells: int
    largest_difference: float
    tolerance: float


def self_test(bundle: Bundle, runtime: Runtime) -> SelfTest:
    """Runs the golden input and compares logits and maps.

    Raises:
        GoldenMismatchError: an output is farther off than the manifest allows, or not finite.
    """
    golden = bundle.manifest.golden
    scores = runtime.run(bundle.array(golden.input_file).astype(np.uint8, casting="safe"))
    found = {"logit": scores.logits, "cam": scores.cams}
    worst = 0.0
    for name, file in golden.outputs.items():
        expected = np.asarray(bundle.array(file), np.float32)
        if found[name].shape != expected.shape:
            raise GoldenMismatchError(
                f"golden {name} has shape {expected.shape}, {runtime.name} gave {found[name].shape}"
            )
        difference = np.abs(found[name] - expected).max(initial=0.0)
        worst = max(worst, float(np.nan_to_num(difference, nan=np.inf)))
    if worst > golden.tolerance:
        raise GoldenMismatchError(
            f"golden tensors differ by {worst:.4f} on {runtime.name}/{runtime.accelerator}, "
            f"{golden.tolerance} is allowed: this device would give other answers; it must not "
            "screen. Try another runtime, or install the bundle again"
        )
    return SelfTest(len(scores.logits), worst, golden.tolerance)
