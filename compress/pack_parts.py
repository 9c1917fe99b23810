"""What a bundle is packed from: the record and files of each of its networks, checked."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compress.compressed import MADE_BY, RECORD_FILE, Compressed, read_compressed
from compress.parity import FIRST_RUNTIME, check_parity
from compress.variants import VARIANTS
from edge.contract.errors import ConfigError, DataError
from edge.contract.labels import MALARIA_CELLS
from edge.contract.manifest import Weights


@dataclass(frozen=True, eq=False)
class Part:
    """One network of a bundle: its record, and its files with their content."""

    record: Compressed
    weights: list[tuple[Weights, bytes]]

    @property
    def variants(self) -> list[tuple[Weights, str]]:
        """Each file with the key of `VARIANTS` that it was made as."""
        return list(zip(self.record.weights, self.record.variants, strict=True))


def read_parts(compressed: Path, novelty: Path | None) -> list[Part]:
    """The classifier first, then the novelty network, where there is one.

    Raises:
        ConfigError: nothing to pack, or one stands where the other should.
        DataError: parity fails, a file was altered, or they prepare cells differently.
    """
    parts = []
    for folder in (compressed, novelty):
        if folder is None:
            continue
        record = read_compressed(folder)
        if (record.novelty is not None) != (folder is novelty):
            raise ConfigError(
                f"{folder} holds a {record.recipe.task} network; give a classifier's folder first, "
                "and a novelty network's as --novelty"
            )
        _check_record(record)
        parts.append(
            Part(record, [(entry, read_weights(folder, entry)) for entry in record.weights])
        )
    specs = {part.record.recipe.preprocessing for part in parts}
    if len(specs) > 1:
        raise DataError(
            "classifier and novelty network prepare cells differently, and a device prepares each "
            f"once: {' and '.join(map(str, specs))}; fit them with one [preprocessing]"
        )
    return parts


def _check_record(record: Compressed) -> None:
    """Refuses what no device could use, before anything is computed."""
    check_parity(record.parity, of_novelty=record.novelty is not None)
    if len(record.variants) != len(record.weights):
        raise DataError(
            f"{RECORD_FILE} has {len(record.weights)} weights and {len(record.variants)} variants; "
            "one each: run `compress run` again"
        )
    formats = [weights.format for weights in record.weights]
    if len(set(formats)) < len(formats):
        raise DataError(f"weights are {', '.join(formats)}; a device opens one of each format")
    for weights, variant in zip(record.weights, record.variants, strict=True):
        _check_weights(record, weights, variant)
    if record.recipe.task == MALARIA_CELLS and record.field_operating_point is None:
        raise DataError(
            f"{MALARIA_CELLS} reads fields, and {RECORD_FILE} has no field_operating_point; run "
            "`compress run` again"
        )


def _check_weights(record: Compressed, weights: Weights, variant: str) -> None:
    made_as = "onnx" if variant.startswith("onnx-") else "tflite"
    if variant not in VARIANTS or weights.format != made_as:
        raise DataError(
            f"{weights.file} is {weights.format} and called {variant!r}; known variants: "
            f"{', '.join(VARIANTS)}"
        )
    side = record.recipe.preprocessing.size_px
    if weights.inputs[0].shape[1:] != (side, side, 3):
        raise DataError(
            f"{weights.file} takes images of {weights.inputs[0].shape}, the recipe makes "
            f"{side} px; run `compress run` again"
        )
    runtime = FIRST_RUNTIME[weights.format]
    if runtime not in {run.runtime for run in record.parity.runtimes}:
        raise DataError(
            f"{weights.file} was not compared with float on {runtime}/{weights.format}; run "
            "`compress run` again"
        )


def read_weights(
    folder: Path, weights: Weights, record_file: str = RECORD_FILE, command: str = MADE_BY
) -> bytes:
    """The file, as it was when it was measured; never one outside the folder.

    Args:
        record_file: whose entry `weights` is, for the message.
        command: that leaves both, for the message.

    Raises:
        DataError: it is missing, or another one.
    """
    path = folder / weights.file
    if Path(weights.file).name != weights.file or not path.is_file():
        raise DataError(f"{folder} holds no file {weights.file!r}; run `{command}` again")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise DataError(
            f"{path} is not the file that {record_file} was written for (sha256 differs), so its "
            f"figures are of another network; run `{command}` again"
        )
    return content


def npy(array: np.ndarray) -> bytes:
    """As `numpy.save` writes it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
