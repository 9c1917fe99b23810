"""What `compress finder` leaves for `compress pack`: one record beside the weights files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.contract.cell_grid import GridSettings
from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.manifest import Evaluation, FinderParity, RepresentativeSet, Weights
from edge.contract.records import from_plain, to_plain

RECORD_FILE = "finder.json"


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
    partial = folder / f"{RECORD_FILE}.part"
    partial.write_text(json.dumps(to_plain(record), indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / RECORD_FILE)


def read_finder(folder: Path) -> FinderRecord:
    """The record of a folder.

    Raises:
        ConfigError: there is none.
        DataError: it is broken, or of another version.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise ConfigError(f"{folder} holds no {RECORD_FILE}; run `clinicscope compress finder`")
    try:
        return from_plain(FinderRecord, json.loads(path.read_text("utf-8")), RECORD_FILE)
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} cannot be packed: {error}; run `compress finder` again") from error
