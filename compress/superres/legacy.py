"""What `.venv-legacy` runs, which has neither TensorFlow nor NumPy 2: pictures by tflite-runtime.

`python -m compress.superres.legacy FOLDER` reads model, request and pictures from the folder and
writes the enlarged ones beside them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ClinicScopeError
from edge.contract.manifest import Weights
from edge.contract.records import from_plain, to_plain
from edge.contract.tiles import enlarge
from edge.runtimes.tflite_runtime import LegacyTFLiteRuntime

MODEL, REQUEST, IMAGES, ENLARGED = "model.tflite", "request.json", "images.npz", "enlarged.npz"


@dataclass(frozen=True)
class Request:
    """The manifest's entry of the file, and its tiles."""

    weights: Weights
    tile_px: int
    margin_px: int


def write_request(path: Path, weights: Weights, tile_px: int, margin_px: int) -> None:
    """As the child reads it."""
    asked = Request(weights, tile_px, margin_px)
    path.write_text(json.dumps(to_plain(asked)), encoding="utf-8")


def main(folder: Path) -> None:
    """The child.

    Raises:
        RuntimeUnavailableError: tflite-runtime is not installed, or refuses the model.
    """
    asked = from_plain(Request, json.loads((folder / REQUEST).read_text("utf-8")), REQUEST)
    runtime = LegacyTFLiteRuntime((folder / MODEL).read_bytes(), asked.weights)
    with np.load(folder / IMAGES, allow_pickle=False) as file:
        images = [file[f"arr_{index}"] for index in range(len(file.files))]
    made = [enlarge(image, runtime.enlarge, asked.tile_px, asked.margin_px) for image in images]
    np.savez(folder / ENLARGED, *made)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except ClinicScopeError as error:
        # The parent shows the last line, and messages of libraries have several.
        sys.exit(" ".join(str(error).split()))
