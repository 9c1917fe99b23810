"""What `compress finder` leaves for `compress pack`: one record beside the weights files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compress.folder_record import read_record, write_record
from edge.contract.cell_grid import GridSettings
from edge.contract.manifest import Evaluation, FinderParity, RepresentativeSet, Weights

RECORD_FILE = "finder.json"
# The command that leaves it.
MADE_BY = "compress finder"


@dataclass(frozen=True)
class FinderRecord:
    """One finder in the forms that ship; the files of `weights` lie beside the record.

    Attributes:
        fitted_on: data set and part, in words.
    """

    grid: GridSettings
    fitted_on: str
    weights: tuple[Weights, ...]
    parity: FinderParity
    evaluation: tuple[Evaluation, ...]
    representative_set: RepresentativeSet


def write_finder(folder: Path, record: FinderRecord) -> None:
    """Writes the record whole."""
    write_record(folder / RECORD_FILE, record)


def read_finder(folder: Path) -> FinderRecord:
    """The record of a folder.

    Raises:
        ConfigError: there is none.
        DataError: it is broken, or of another version.
    """
    return read_record(FinderRecord, folder / RECORD_FILE, MADE_BY)
