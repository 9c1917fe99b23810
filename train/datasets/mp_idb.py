"""MP-IDB (Loddo 2019, doi 10.1007/978-3-030-13835-6_7): parasites of four species, with masks.

`{Falciparum,Malariae,Ovale,Vivax}/{img,gt}/<sample>-<frame>-<stages>.jpg`; the letters R, T, S, G
name the stages in the field from left to right, and `gt` is white where a parasite is. A stage is
certain where one letter is given, or as many as there are parasites; other fields are left out.
The sample number is the group.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import DataError, ImageError
from edge.contract.images import list_images, read_image
from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, STAGES, TROPHOZOITE
from edge.contract.types import U8Array
from train.datasets.base import Box, Example

FOLDER = "mp-idb"
LABELS = STAGES
SPECIES = ("Falciparum", "Malariae", "Ovale", "Vivax")
_LETTERS = {"R": RING, "T": TROPHOZOITE, "S": SCHIZONT, "G": GAMETOCYTE}
_NAME = re.compile(r"(\d+)-(\d+)-([RTSG](?:_[RTSG])*)$")
# JPEG leaves specks round the white of a mask; parasites are about 45 px and more a side.
_MIN_SIDE_PX = 15
# The masks hold the parasite alone: this much of its side is added all round, to see the cell.
_MARGIN = 0.5


def list_examples(folder: Path) -> list[Example]:
    """One example a parasite, its species as `source`.

    Raises:
        DataError: no species folder, a name without stages, or a field without its mask.
    """
    found = [name for name in SPECIES if (folder / name / "img").is_dir()]
    if not found:
        raise DataError(f"{folder} has none of the folders {', '.join(SPECIES)} with img/ in it")
    return [
        example
        for species in found
        for path in list_images(folder / species / "img")
        for example in _of_field(path, species)
    ]


def _of_field(path: Path, species: str) -> list[Example]:
    named = _NAME.match(path.stem)
    if not named:
        raise DataError(f"{path}: expected <sample>-<frame>-<stages>, stages of R, T, S, G")
    letters = named.group(3).split("_")
    boxes = _parasites(_read_mask(path))
    if len(set(letters)) > 1 and len(letters) != len(boxes):
        logging.getLogger(__name__).warning(
            "%s: %d parasites but stages %s; left out", path.name, len(boxes), named.group(3)
        )
        return []
    if len(letters) != len(boxes):
        letters = letters[:1] * len(boxes)
    name = f"{species.lower()}-{path.stem}"
    return [
        Example(
            f"{name}-{index}", path, LABELS.index(_LETTERS[letter]), named.group(1), box, species
        )
        for index, (letter, box) in enumerate(zip(letters, boxes, strict=True))
    ]


def _read_mask(path: Path) -> U8Array:
    for suffix in (path.suffix, ".png", ".jpg"):
        mask = path.parent.parent / "gt" / (path.stem + suffix)
        if mask.is_file():
            try:
                return read_image(mask, may_be_grey=True)
            except ImageError as error:
                raise DataError(f"{mask}: {error}") from error
    raise DataError(f"{path} has no mask {path.stem}.* in {path.parent.parent / 'gt'}")


def _parasites(mask: U8Array) -> list[Box]:
    """Boxes of the mask's connected parts, from left to right."""
    binary = (mask.max(axis=2) > 127).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(binary, connectivity=8)[2][1:]
    sides = [tuple(int(value) for value in row[:4]) for row in stats]
    return [_grown(*side) for side in sorted(sides) if min(side[2], side[3]) >= _MIN_SIDE_PX]


def _grown(left_px: int, top_px: int, width_px: int, height_px: int) -> Box:
    x, y = round(width_px * _MARGIN), round(height_px * _MARGIN)
    return Box(left_px - x, top_px - y, width_px + 2 * x, height_px + 2 * y)
