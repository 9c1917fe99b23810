"""What `.venv-legacy` runs, which has neither TensorFlow nor NumPy 2: logits by tflite-runtime.

`python -m compress.legacy_scores FOLDER` reads model, manifest's entry and crops from the folder
and writes the logits beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edge.contract.errors import ClinicScopeError
from edge.contract.manifest import Weights
from edge.contract.records import from_plain, to_plain
from edge.runtimes.tflite_runtime import LegacyTFLiteRuntime

MODEL, WEIGHTS, CROPS, LOGITS = "model.tflite", "weights.json", "crops.npy", "logits.npy"


def write_weights(path: Path, weights: Weights) -> None:
    """The manifest's entry as the child reads it."""
    path.write_text(json.dumps(to_plain(weights)), encoding="utf-8")


def main(folder: Path) -> None:
    """The child.

    Raises:
        RuntimeUnavailableError: tflite-runtime is not installed, or refuses the model.
    """
    weights = from_plain(Weights, json.loads((folder / WEIGHTS).read_text("utf-8")), WEIGHTS)
    runtime = LegacyTFLiteRuntime((folder / MODEL).read_bytes(), weights)
    scores = runtime.run(np.load(folder / CROPS, allow_pickle=False))
    np.save(folder / LOGITS, scores.logits, allow_pickle=False)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except ClinicScopeError as error:
        # The parent shows the last line, and messages of libraries have several.
        sys.exit(" ".join(str(error).split()))
