"""What `compress run` leaves for `compress pack`: one record beside the weights files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from compress.folder_record import read_record, write_record
from edge.contract.manifest import (
    ErrorRate,
    Evaluation,
    OperatingPoint,
    Parity,
    RepresentativeSet,
    ScoreCalibration,
    Weights,
)
from edge.contract.manifest_corrections import Corrections
from edge.contract.reference import LogitReference
from train.recipe import Recipe

RECORD_FILE = "compressed.json"
# The command that leaves it.
MADE_BY = "compress run"


@dataclass(frozen=True)
class NoveltyPoints:
    """How a novelty network's two scores are read; fields as those of the manifest's `Novelty`."""

    threshold: float
    foreign_threshold: float
    most_foreign_share: float
    chosen_on: str
    rule: str
    target_false_alarm: float
    false_alarm: ErrorRate
    false_refusal: ErrorRate
    field_median: float | None = None


@dataclass(frozen=True)
class Compressed:
    """One fit in the forms that ship; the files of `weights` lie beside the record.

    Attributes:
        variants: key of `compress.variants.VARIANTS` of each weights file, in the same order.
        operating_point: of two labels; None of more.
        field_operating_point: of tasks that read fields.
        novelty: of a novelty network; None of a classifier.
        logit_reference: of tasks that read fields.
        evaluation: on examples that the fit was neither fitted nor tuned on.
        corrections: that the fit learned from; None where there were none.
    """

    recipe: Recipe
    weights: tuple[Weights, ...]
    variants: tuple[str, ...]
    parity: Parity
    evaluation: tuple[Evaluation, ...]
    representative_set: RepresentativeSet
    operating_point: OperatingPoint | None = None
    field_operating_point: OperatingPoint | None = None
    novelty: NoveltyPoints | None = None
    logit_reference: LogitReference | None = None
    score_calibration: ScoreCalibration = field(default_factory=ScoreCalibration)
    corrections: Corrections | None = None


def write_compressed(folder: Path, compressed: Compressed) -> None:
    """Writes the record whole."""
    write_record(folder / RECORD_FILE, compressed)


def read_compressed(folder: Path) -> Compressed:
    """The record of a folder.

    Raises:
        ConfigError: there is none.
        DataError: it is broken, or of another version.
    """
    return read_record(Compressed, folder / RECORD_FILE, MADE_BY)
