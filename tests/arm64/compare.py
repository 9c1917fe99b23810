"""The answers of another machine beside this one's: compare.py HERE THERE...

Prints the largest difference of every output and what the manifest allows a device; exit code 1 if
one is farther off, or missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

from edge.contract.bundle import open_bundle
from edge.contract.types import F32Array
from edge.installed import SHIPPED_DIR
from tests.arm64.answers import golden_tensors


def allowed() -> dict[str, float]:
    """The tolerance of each output, by "bundle role output"."""
    found = {}
    for path in SHIPPED_DIR.iterdir():
        for role, golden in golden_tensors(open_bundle(path)).items():
            for output, tolerance in golden.tolerances.items():
                found[f"{path.name} {role} {output}"] = tolerance
    return found


def largest_difference(here: F32Array, there: F32Array | None) -> float:
    """Infinite where the other has no such output, or one of another shape, or no numbers."""
    if there is None or here.shape != there.shape:
        return float("inf")
    return float(np.nan_to_num(np.abs(here - there).max(initial=0.0), nan=np.inf))


def compare(here: dict[str, F32Array], there: dict[str, F32Array]) -> tuple[list[str], bool]:
    """A line for each output of the other machine's runtimes, and whether all are near enough."""
    tolerances, lines, near = allowed(), [], bool(there)
    runtimes = {key.split()[2] for key in there}
    for key, values in here.items():
        bundle, role, runtime, output = key.split()
        if runtime not in runtimes:
            continue
        tolerance = tolerances[f"{bundle} {role} {output}"]
        difference = largest_difference(values, there.get(key))
        near &= difference <= tolerance
        lines.append(
            f"{bundle:20} {role:11} {runtime:7} {output:6} {difference:9.4f} of {tolerance}"
        )
    return lines, near


def main(paths: list[Path]) -> int:
    here, *others = ({**np.load(path)} for path in paths)
    all_near = True
    for path, there in zip(paths[1:], others, strict=True):
        lines, near = compare(here, there)
        all_near &= near
        click.echo(f"{path.stem}: largest difference from this machine")
        click.echo("\n".join(f"  {line}" for line in lines) or "  no answers")
    return 0 if all_near else 1


if __name__ == "__main__":
    sys.exit(main([Path(word) for word in sys.argv[1:]]))
