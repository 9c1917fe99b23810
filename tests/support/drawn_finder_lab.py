"""Drawn fields in the layout of iml-fields, in blocks of its folds, and a tiny finder's recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.cameras.smear import DrawnField, SmearSettings, draw_field
from edge.contract.images import encode_image
from edge.contract.labels import UNINFECTED
from train.splits import fold_of

# As in the data set: 1280 x 960 px, and a cell's box is 80 px wide with its room.
SMEAR = SmearSettings(
    um_per_px=0.107,
    cells_per_field=70,
    wbc_per_1000_rbc=0,
    platelets_per_field=0,
    debris_per_field=0,
    stain_cast=0.3,
)
ROOM_PX = 5
RECIPE = """
held_out_fold = 0
seed = 5

[grid]
cell_px = 16
stride_px = 4
least_score = 0.4

[model]
stem = 8
width = 16
dilations = [1, 2]

[views]
size = [0.9, 1.1]
density = [0.9, 1.1]
light = [0.95, 1.05]
grey = 0.0

[fit]
epochs = {epochs}
batch_size = 2
learning_rate = 1e-2
schedule = "cosine"
"""


def write_recipe(path: Path, epochs: int, head: str = "") -> str:
    """A .toml file; `head` goes before its sections."""
    path.write_text(head + RECIPE.format(epochs=epochs))
    return str(path)


def write_fields(root: Path, per_fold: Sequence[int] = (3, 3, 2, 2, 1)) -> Path:
    """`root/iml-fields` with so many fields of each fold's first block; one box is `difficult`."""
    folder, of_block = root / "iml-fields", fold_of("iml-cells")
    (folder / "images").mkdir(parents=True)
    content = []
    for fold, count in enumerate(per_fold):
        block = next(name for name, of in of_block.items() if of == fold)
        for index in range(count):
            field = draw_field(SMEAR, fold, index)
            name = f"F{fold}{index}.JPG"
            data = encode_image(field.image, ".jpg", quality=98)
            (folder / "images" / name).write_bytes(data)
            cells = boxes_of(field)
            cells[0]["label"] = "difficult"
            number = int(block.removeprefix("block"))
            content.append({"file": name, "block": number, "cells": cells})
    (folder / "cells.json").write_text(json.dumps(content))
    return root


def boxes_of(field: DrawnField) -> list[dict[str, object]]:
    """A box a cell, in the words of the data set, with a little room."""
    return [
        {
            "left_px": cell.left_px - ROOM_PX,
            "top_px": cell.top_px - ROOM_PX,
            "width_px": cell.width_px + 2 * ROOM_PX,
            "height_px": cell.height_px + 2 * ROOM_PX,
            "label": "red blood cell" if cell.label == UNINFECTED else cell.label,
        }
        for cell in field.cells
    ]


def paint_boxes(boxes: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(h,w,3) uint8, black, white in each box of (N,4) corners."""
    image = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    for left, top, right, bottom in np.rint(boxes).clip(0).astype(int).tolist():
        image[top:bottom, left:right] = 255
    return image
