"""IML_Malaria (Arshad 2022): boxes of P. vivax fields, by another microscope than nih-cells.

Owns what is left out and how the sources' words become ours. The group is the block of consecutive
frames, since no slide id is given. `difficult` cells are left out, and so are boxes that cannot
hold one cell, and boxes that the burnt-in scale bar touches: it would mark the corner's cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.contract.errors import DataError
from edge.contract.labels import STAGES, UNINFECTED
from train.datasets.base import Box
from train.datasets.fields import LabelledBox, read_boxes

DIFFICULT = "difficult"
WORDS = {"red blood cell": UNINFECTED, **{stage: stage for stage in STAGES}}
# Cells are about 80 px here; six boxes of 3 to 520 px are slips of the mouse.
_SIDE_PX = range(10, 201)
# Bar and lettering, in frames of 1280 x 960 px; measured where all frames agree.
SCALE_BAR = Box(1134, 836, 110, 78, outline="box")


def read_cells(folder: Path) -> Iterator[LabelledBox]:
    """Every usable box, its label one of `uninfected` and the stages.

    Raises:
        DataError: a label that the data set does not have.
    """
    for found in read_boxes(folder, outline="traced"):
        if found.label == DIFFICULT or not is_one_cell(found.box) or touches(found.box, SCALE_BAR):
            continue
        if found.label not in WORDS:
            raise DataError(
                f"{folder / 'cells.json'}: {found.name} is labelled {found.label!r}; known: "
                f"{', '.join(sorted({*WORDS, DIFFICULT}))}"
            )
        yield LabelledBox(found.name, found.path, found.group, WORDS[found.label], found.box)


def is_one_cell(box: Box) -> bool:
    """Whether a box is of a cell's size, and no slip of the mouse."""
    return box.width_px in _SIDE_PX and box.height_px in _SIDE_PX


def touches(first: Box, second: Box) -> bool:
    """Whether two boxes share a pixel."""
    return (
        first.left_px < second.left_px + second.width_px
        and second.left_px < first.left_px + first.width_px
        and first.top_px < second.top_px + second.height_px
        and second.top_px < first.top_px + first.height_px
    )
