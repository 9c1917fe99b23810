"""Fields of painted discs, and a bundle of two drawn networks that read them by their colours.

Blue over red looks infected to the classifier, little red over green is novel to the second
network, and little green is foreign to it. The more blue over red, the older the stage to a bundle
of stages. So a test says which network says what of each cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES, STAGES
from edge.contract.preprocess import Preprocessing
from edge.contract.types import Frame, U8Array
from tests.edge.runtimes.drawn_bundles import draw_point, write_bundle
from tests.edge.runtimes.drawn_networks import SIZE_PX, Mix

GLASS_RGB = (242, 238, 244)
RADIUS_PX, SPACING_PX, COLUMNS = 18, 60, 10
# The letters of a cell: what is said of it.
INFECTED, NOVEL, FOREIGN = "i", "n", "f"
# Infected, of a plain stage; "i" is half way between the first two.
STAGE_LETTERS = dict(zip("rtsg", STAGES, strict=True))
_BLUE_OVER_RED = {INFECTED: 20} | {letter: 15 + 10 * at for at, letter in enumerate("rtsg")}
CLASSIFIER = Mix(((-1, 0, 1),), (0,))
NOVELTY = Mix(((-1, 1, 0), (0, -1, 0)), (-25, -98))
# A disc fills .71 of its box, so blue over red is 10.7, 17.7, 24.8 and 31.8 in the stages' crops.
STAGER = Mix(tuple((-5 * at, 0, 5 * at) for at in range(4)), (0, 71, 177, 319))


def colour_of(cell: str) -> tuple[int, int, int]:
    """RGB of a cell that is all that its letters say."""
    green = 100 if FOREIGN in cell else 150
    red = green + (10 if NOVEL in cell else 60)
    over = [excess for letter, excess in _BLUE_OVER_RED.items() if letter in cell]
    return red, green, red + (over[0] if over else -30)


def paint_cell(cell: str) -> U8Array:
    """One cell on black, as `classify` wants it."""
    image = np.zeros((40, 40, 3), np.uint8)
    return np.asarray(cv2.circle(image, (20, 20), RADIUS_PX, colour_of(cell), cv2.FILLED), np.uint8)


def paint_field(
    cells: Sequence[str], at_edge: Sequence[str] = (), size_px: tuple[int, int] = (480, 640)
) -> Frame:
    """Cells on a grid, and below them some that the frame's lower edge cuts.

    Args:
        size_px: height and width.
    """
    image = np.full((*size_px, 3), GLASS_RGB, np.uint8)
    for index, cell in enumerate(cells):
        row, column = divmod(index, COLUMNS)
        _disc(image, cell, 40 + SPACING_PX * column, 40 + SPACING_PX * row)
    for column, cell in enumerate(at_edge):
        _disc(image, cell, 40 + SPACING_PX * column, image.shape[0] - 13)
    return Frame(np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8), "painted.png")


def _disc(image: U8Array, cell: str, x: int, y: int) -> None:
    cv2.circle(image, (x, y), RADIUS_PX, colour_of(cell), cv2.FILLED, cv2.LINE_AA)


def write_second_opinion(folder: Path, **novelty_settings: Any) -> Bundle:
    """A bundle for fields with a second opinion, whose section has these settings."""
    return write_bundle(folder, CLASSIFIER, NOVELTY, novelty_settings, **_CELLS)


def write_first_opinion(folder: Path) -> Bundle:
    """The same bundle without a novelty network."""
    return write_bundle(folder, CLASSIFIER, **_CELLS)


def write_stages(folder: Path, **changes: Any) -> Bundle:
    """A bundle of stages, newer than the shipped one unless `changes` says otherwise."""
    content: dict[str, Any] = {
        "bundle_id": "drawn-stages-99",
        "version": 99,
        "task": MALARIA_STAGES,
        "labels": STAGES,
        "preprocessing": Preprocessing(SIZE_PX),
    }
    return write_bundle(folder, STAGER, **content | changes)


_CELLS: dict[str, Any] = {
    "task": MALARIA_CELLS,
    "labels": ("uninfected", "parasitised"),
    "positive_label": "parasitised",
    "operating_point": draw_point(),
    "field_operating_point": draw_point(),
    "preprocessing": Preprocessing(SIZE_PX),
}
