"""A small data set in the layout of nih-cells, drawn by the simulated camera, and its recipe."""

from __future__ import annotations

from pathlib import Path

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image

TINY_RECIPE = """
task = "malaria-cells"
dataset = "nih-cells"
held_out_fold = 0
seed = 1

[preprocessing]
size_px = 32

[model]
name = "plain_cnn"
widths = [8, 16]
strides = [2, 2]

[fit]
epochs = 4
batch_size = 32
learning_rate = 1e-2
"""


def write_dataset(root: Path, patients: int = 40, cells: int = 8) -> Path:
    """`root/nih-cells/{parasitised,uninfected}`; each patient has `cells` of both classes."""
    for label, kind in (("parasitised", "trophozoite"), ("uninfected", "uninfected")):
        folder = root / "nih-cells" / label
        folder.mkdir(parents=True)
        for patient in range(patients):
            for cell in range(cells):
                image, mask = draw_cell(kind, patient * 1000 + cell, 40)
                name = f"C{patient + 1}P{patient + 1}ThinF_IMG_2015_cell_{cell}_{label}.png"
                (folder / name).write_bytes(encode_image(image * mask[:, :, None]))
    return root
