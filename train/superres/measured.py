"""Figures of each image under each system, kept as one small file a test set, and their means.

    train/records/superres/measured/SET.npz

Every system of a file was measured on the same images, so that differences are paired. The report
is built from these files alone.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from functools import cache as remember
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array, F64Array
from train.bootstrap import RESAMPLES, Figure, draw_weights, group_sums, summary

BASE = "bicubic"
PLACES = ("whole", "inside")
MEASURES = ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y")
_SYSTEM, _ABOUT = "system/", "about/"
# A ten-thousandth of a decibel is nothing, and whole numbers of them pack to half the size.
_STEP = 1e-4
_ABSENT = np.int32(-(2**31))


@dataclass(frozen=True, eq=False)
class Measured:
    """One test set.

    Attributes:
        name: (N,) of the images.
        patient: (N,) what is resampled: patients, blocks of fields, or fields.
        values: of each system, (N,2,4): `PLACES` by `MEASURES`; NaN inside where no mask is known.
        about: a line on each system, where there is one.
    """

    name: np.ndarray
    patient: np.ndarray
    values: dict[str, F32Array]
    about: dict[str, str] = field(default_factory=dict)

    @property
    def n_patients(self) -> int:
        """Groups that are resampled."""
        return len(np.unique(self.patient))

    def column(self, system: str, place: str, measure: str) -> F64Array:
        """(N,) one figure of each image."""
        values = self.values[system][:, PLACES.index(place), MEASURES.index(measure)]
        return values.astype(np.float64)

    def gain(self, system: str, place: str, measure: str) -> F64Array:
        """(N,) how much more than bicubic, image by image."""
        return self.column(system, place, measure) - self.column(BASE, place, measure)

    def mean(self, values: F64Array, resamples: int = RESAMPLES, seed: int = 0) -> Figure | None:
        """Mean over images with its 95 % interval over patients; None where all are NaN."""
        rows = np.isfinite(values)
        if not rows.any():
            return None
        groups, owner = np.unique(self.patient[rows], return_inverse=True)
        sums = group_sums(np.stack([values[rows], np.ones(rows.sum())], axis=1), owner, len(groups))
        drawn = _weights(len(groups), resamples, seed) @ sums
        return summary(drawn[:, 0] / drawn[:, 1], int(rows.sum()), len(groups))

    def joined(self, other: Measured) -> Measured:
        """With the systems of `other`, which take the place of those of the same name.

        Raises:
            DataError: the other was measured on other images.
        """
        if not np.array_equal(self.name, other.name):
            raise DataError(
                f"{len(other.name)} images were measured and {len(self.name)} others are on "
                "record; measure every system again, into an empty folder"
            )
        return replace(self, values=self.values | other.values, about=self.about | other.about)


def add_measured(path: Path, found: Measured) -> Measured:
    """Writes the file with what it holds already; whole, or not at all.

    Raises:
        DataError: what is there was measured on other images, or is no such file.
    """
    if path.is_file():
        found = read_measured(path).joined(found)
    arrays = {"name": found.name, "patient": found.patient}
    arrays |= {_SYSTEM + system: _packed(values) for system, values in found.values.items()}
    arrays |= {_ABOUT + system: np.array(text) for system, text in found.about.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, **arrays)
    partial.replace(path)
    return found


def read_measured(path: Path) -> Measured:
    """What `add_measured` wrote.

    Raises:
        DataError: missing, no such file, or arrays that do not belong together.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = Measured(
                file["name"],
                file["patient"],
                {key.removeprefix(_SYSTEM): _unpacked(file[key]) for key in file if _is_of(key)},
                {
                    key.removeprefix(_ABOUT): str(file[key])
                    for key in file
                    if key.startswith(_ABOUT)
                },
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path} holds no figures of images: {error}") from error
    expected = (len(found.name), len(PLACES), len(MEASURES))
    shapes = {values.shape for values in found.values.values()}
    if shapes != {expected} or found.patient.shape != found.name.shape or BASE not in found.values:
        raise DataError(f"{path}: name, patient and systems do not fit, or {BASE} is missing")
    return found


def read_all_measured(folder: Path) -> dict[str, Measured]:
    """Every test set of a folder by name; none where there is no such folder."""
    return {path.stem: read_measured(path) for path in sorted(folder.glob("*.npz"))}


@remember
def _weights(n_groups: int, resamples: int, seed: int) -> F64Array:
    """A page asks for the same draw a thousand times."""
    return draw_weights(n_groups, resamples, seed)


def _is_of(key: str) -> bool:
    return key.startswith(_SYSTEM)


def _packed(values: F32Array) -> np.ndarray:
    steps = np.rint(np.nan_to_num(values.astype(np.float64)) / _STEP).astype(np.int32)
    return np.where(np.isnan(values), _ABSENT, steps)


def _unpacked(steps: np.ndarray) -> F32Array:
    return np.where(steps == _ABSENT, np.nan, steps * _STEP).astype(np.float32)
