"""What was found in a field, and the logits of each object: raw, kept on disk, judged elsewhere."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F32Array, I32Array

_LOGITS = "logits:"
RED_CELL = "rbc"


@dataclass(frozen=True, eq=False)
class FieldReading:
    """One field as the device's path read it.

    Attributes:
        name: the file's name.
        fold: of the networks that read it.
        refused: why the field was not read; "" where it was.
        boxes_px: (N,4) left, top, width, height of every object found.
        kinds: (N,) "rbc", "wbc", "platelet" or "debris".
        at_border: (N,) as the finder says.
        logits: of each family of networks, (N,) or (N,K); NaN where the object is no red cell.
    """

    name: str
    fold: int
    width_px: int
    height_px: int
    refused: str
    boxes_px: I32Array
    kinds: np.ndarray
    at_border: BoolArray
    logits: Mapping[str, F32Array] = field(default_factory=dict)

    @property
    def red(self) -> BoolArray:
        """(N,) objects that are taken for red cells."""
        return np.asarray(self.kinds == RED_CELL)

    @property
    def counted(self) -> BoolArray:
        """(N,) red cells that the device counts: the frame's edge does not cut them."""
        return np.asarray(self.red & ~self.at_border)


def write_reading(path: Path, reading: FieldReading, made_of: str) -> None:
    """Writes an .npz whole; `made_of` tells what it was made by, so that a change is seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(
        partial,
        name=np.array(reading.name),
        fold=np.array(reading.fold),
        size=np.array([reading.width_px, reading.height_px]),
        refused=np.array(reading.refused),
        boxes_px=reading.boxes_px,
        kinds=reading.kinds.astype("U8"),
        at_border=reading.at_border,
        made_of=np.array(made_of),
        **{_LOGITS + name: values for name, values in reading.logits.items()},
    )
    partial.replace(path)


def read_reading(path: Path, made_of: str = "") -> FieldReading | None:
    """A reading as it was written; None where none is there, or it was made by something else.

    Args:
        made_of: what it must have been made by; "" takes any.

    Raises:
        DataError: the file is broken.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if made_of and str(file["made_of"]) != made_of:
                return None
            return _reading({key: file[key] for key in file.files})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path} holds no reading of a field: {error}; remove it") from error


def _reading(arrays: dict[str, np.ndarray]) -> FieldReading:
    width_px, height_px = (int(side) for side in arrays["size"])
    return FieldReading(
        str(arrays["name"]),
        int(arrays["fold"]),
        width_px,
        height_px,
        str(arrays["refused"]),
        arrays["boxes_px"],
        arrays["kinds"],
        arrays["at_border"],
        {
            key.removeprefix(_LOGITS): values
            for key, values in arrays.items()
            if key.startswith(_LOGITS)
        },
    )
