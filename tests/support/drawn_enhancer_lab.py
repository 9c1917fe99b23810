"""A tiny enhancer fitted on drawn cells, and the lab's recipe for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.drawn_task import drawn_task

TILE_PX, MARGIN_PX = 32, 4
_RECIPE = """
held_out_fold = 0
seed = 5
patch_px = 16
steps = {steps}

[model]
name = "{network}"
width = 8
blocks = 1
hidden = 8
reduction = 4

[fit]
epochs = 1
batch_size = 4
learning_rate = 1e-3
"""
_LAB = """
title = "Drawn cells"
enhancer = "{enhancer}"
pairs = ["nih-cells"]
tile_px = {tile}
margin_px = {margin}
per_class = 4
"""


@dataclass(frozen=True)
class DrawnEnhancerLab:
    """Where recipes, data and what `compress run` makes of them lie."""

    root: Path
    data: Path

    @property
    def out(self) -> Path:
        """Of `compress run`."""
        return self.root / "out"

    def recipe(self, name: str = "tiny", *, network: str = "plain_superres", head: str = "") -> str:
        """Writes a recipe of a fit; `head` goes before its sections."""
        path = self.root / f"{name}.toml"
        path.write_text(head + _RECIPE.format(network=network, steps=4))
        return str(path)

    def lab(self, enhancer: str, *, name: str = "lab", tail: str = "") -> str:
        """Writes a recipe of the lab; `tail` goes after its keys."""
        path = self.root / f"{name}.toml"
        path.write_text(_LAB.format(enhancer=enhancer, tile=TILE_PX, margin=MARGIN_PX) + tail)
        return str(path)


@contextmanager
def drawn_enhancer_lab(root: Path) -> Iterator[DrawnEnhancerLab]:
    """Drawn cells as nih-cells and, the same, as nih-cells-lossless, with folds of their own."""
    with drawn_task(root, patients=20) as data:
        shutil.copytree(data / "nih-cells", data / "nih-cells-lossless")
        yield DrawnEnhancerLab(root, data)
