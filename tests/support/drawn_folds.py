"""A drawn data set of patients whom the shipped folds know, for fits in other processes."""

from __future__ import annotations

import json
from pathlib import Path

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image
from train.splits import FOLDS_DIR


def write_known_patients(root: Path, of_fold: int = 4, cells: int = 2) -> Path:
    """`root/nih-cells`: so many patients of each fold, and of each fold's validation part.

    Args:
        cells: of each patient and class.
    """
    known = json.loads((FOLDS_DIR / "nih-cells.json").read_text())
    patients = {name for part in (*known["folds"], *known["validation"]) for name in part[:of_fold]}
    for label, kind in (("parasitised", "trophozoite"), ("uninfected", "uninfected")):
        folder = root / "nih-cells" / label
        folder.mkdir(parents=True)
        for patient in sorted(patients):
            for cell in range(cells):
                image, mask = draw_cell(kind, int(patient[1:]) * 1000 + cell, 40)
                path = folder / f"{patient}P1ThinF_IMG_2015_cell_{cell}_{label}.png"
                path.write_bytes(encode_image(image * mask[:, :, None]))
    return root
