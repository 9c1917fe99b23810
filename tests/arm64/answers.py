"""Every golden tensor's answer by every runtime that is here, to a file: answers.py OUT RUNTIME...

Run on two machines, it gives what `compare.py` compares. It needs no pytest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.contract.bundle import Bundle, open_bundle
from edge.contract.manifest import GRID, Golden
from edge.contract.types import F32Array, U8Array
from edge.installed import SHIPPED_DIR
from edge.runtimes.base import Runtime, open_runtime


def golden_tensors(bundle: Bundle) -> dict[str, Golden]:
    """The golden tensors of each role that the bundle has."""
    manifest = bundle.manifest
    first = "enhancer" if manifest.enhancer else "classifier"
    beside = {"novelty": manifest.novelty, "finder": manifest.finder}
    return {first: manifest.golden} | {
        role: section.golden for role, section in beside.items() if section
    }


def answers(runtime: Runtime, role: str, cells: U8Array) -> dict[str, F32Array]:
    """What the network gives, by the names of golden outputs."""
    if role == "finder":
        return {GRID: np.stack([runtime.grid(image) for image in cells])}
    if role == "enhancer":
        return {"image": runtime.enlarge(cells).astype(np.float32)}
    scores = runtime.run(cells)
    return {"logit": scores.logits, "cam": scores.cams}


def all_answers(names: list[str]) -> dict[str, F32Array]:
    """By "bundle role runtime output"."""
    found = {}
    for path in sorted(SHIPPED_DIR.iterdir()):
        bundle = open_bundle(path)
        for role, golden in golden_tensors(bundle).items():
            cells = bundle.array(golden.input_file).astype(np.uint8, casting="safe")
            for name in names:
                runtime = open_runtime(bundle, role, names=(name,))
                for output, values in answers(runtime, role, cells).items():
                    found[f"{path.name} {role} {name} {output}"] = values
                runtime.close()
    return found


if __name__ == "__main__":
    np.savez_compressed(Path(sys.argv[1]), **all_answers(sys.argv[2:]))
