"""What `compress run` leaves of an enhancer for `compress pack`: one record beside the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compress.folder_record import read_record, write_record
from edge.contract.manifest import Enhancer, Evaluation, RepresentativeSet, Weights
from train.superres.recipe import EnhancerRecipe

RECORD_FILE = "compressed_enhancer.json"
# The command that leaves it.
MADE_BY = "compress run"


@dataclass(frozen=True)
class Agreement:
    """One runtime beside float on the same pairs, at one place.

    Attributes:
        pairs: key of `train.superres.evaluate.PAIR_SETS`.
        place: "whole" crops, or "inside" the mask.
        runtime: its name in `edge.runtimes.base.RUNTIMES`.
        psnr_float_db, psnr_int8_db: means over images, RGB.
    """

    pairs: str
    place: str
    runtime: str
    n_images: int
    psnr_float_db: float
    psnr_int8_db: float


@dataclass(frozen=True)
class CompressedEnhancer:
    """One fit in the forms that ship; the files of `weights` lie beside the record.

    Attributes:
        aware: whether it was trained further with fake quantisation.
        enhancer: the manifest's section.
        agreements: parity on every set of pairs, at every place, on every runtime.
        evaluation: on cells of patients that the fit has not seen.
    """

    recipe: EnhancerRecipe
    aware: bool
    weights: tuple[Weights, ...]
    enhancer: Enhancer
    agreements: tuple[Agreement, ...]
    evaluation: tuple[Evaluation, ...]
    representative_set: RepresentativeSet


def write_enhancer(folder: Path, record: CompressedEnhancer) -> None:
    """Writes the record whole."""
    write_record(folder / RECORD_FILE, record)


def read_enhancer(folder: Path) -> CompressedEnhancer:
    """The record of a folder.

    Raises:
        ConfigError: there is none.
        DataError: it is broken, or of another version.
    """
    return read_record(CompressedEnhancer, folder / RECORD_FILE, MADE_BY)
