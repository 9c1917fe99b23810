"""NIH/NLM thin-smear cells (Rajaraman 2018): single red cells, background masked black.

The patient is the leading `C<number>` of the file name; one patient, C47, was photographed on two
microscopes and is still one patient. About 2 % of the labels look wrong: nothing is dropped here.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from edge.contract.errors import DataError
from edge.contract.images import list_images
from edge.contract.labels import PARASITISED, UNINFECTED
from train.datasets.base import Example

FOLDER = "nih-cells"
LABELS = (UNINFECTED, PARASITISED)
POSITIVE = PARASITISED
# The original archive spells its folders with capitals and a z.
_FOLDERS = {UNINFECTED: (UNINFECTED, "Uninfected"), PARASITISED: (PARASITISED, "Parasitized")}


def list_examples(folder: Path) -> list[Example]:
    """Every cell below the two class folders."""
    return [
        Example(path.stem, path, label, patient_of(path.name))
        for label, name in enumerate(LABELS)
        for path in list_images(_class_folder(folder, name))
    ]


def patient_of(file_name: str) -> str:
    """`C100P61ThinF_IMG_…` -> `C100`.

    Raises:
        DataError: the name does not start with a patient id.
    """
    found = re.match(r"C\d+(?!\d)", file_name)
    if not found:
        raise DataError(f"file name {file_name!r} has no patient id; expected C<number>…")
    return found.group()


def suspects(folder: Path) -> frozenset[str]:
    """Names of cells whose label four public models all contradict."""
    path = folder / "suspect_labels.csv"
    if not path.is_file():
        return frozenset()
    with path.open(newline="") as file:
        return frozenset(Path(row["file"]).stem for row in csv.DictReader(file))


def _class_folder(folder: Path, label: str) -> Path:
    for name in _FOLDERS[label]:
        if (folder / name).is_dir():
            return folder / name
    raise DataError(f"{folder} has no folder {label!r}; is nih-cells unpacked there?")
