"""Drawn pictures of what is no red blood cell, for the fit of a network that refuses them.

Textures and shapes, what else lies on a smear, and healthy cells that are spoilt until no lab would
call them cells. Half of the pictures fill the frame; half are cut out on black along an outline of
a cell, since the device masks whatever its finder takes for one. Left out is what a stained cell
may look like: a plain disc that is pink, violet, grey or pale is a healthy cell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.contract.types import U8Array
from train.foreign import bodies, cells, scenes
from train.foreign.shapes import Rng, cut_out, unlike_a_cell

Drawing = Callable[[int, Rng, U8Array], U8Array]


def _scene(draw: Callable[[int, Rng], U8Array]) -> Drawing:
    """Whole frames and cut-outs in turn, by lot, of a drawing that needs no cells."""

    def drawn(size_px: int, rng: Rng, _: U8Array) -> U8Array:
        image = draw(size_px, rng)
        if rng.random() < 0.5:
            return image
        cut = cut_out(image, rng)
        return cut if unlike_a_cell(cut) else image

    return drawn


# Each: (side in px, randomness, healthy prepared cells (N,S,S,3)) to (S,S,3) uint8 RGB.
FIT_KINDS: dict[str, Drawing] = {
    "flat": lambda size, rng, _: scenes.flat(size, rng),
    "gradient": _scene(scenes.gradient),
    "noise": _scene(scenes.noise),
    "cloud": _scene(scenes.cloud),
    "stripes": _scene(scenes.stripes),
    "checks": _scene(scenes.checks),
    "woven": _scene(scenes.woven),
    "leaves": _scene(scenes.leaves),
    "soft_shapes": _scene(scenes.soft_shapes),
    "strokes": _scene(scenes.strokes),
    "glass": lambda size, rng, _: bodies.glass(size, rng),
    "white_cell": lambda size, rng, _: bodies.white_cell(size, rng),
    "platelet": lambda size, rng, _: bodies.platelet(size, rng),
    "debris": lambda size, rng, _: bodies.debris(size, rng),
    "inverted": cells.inverted,
    "hue_turned": cells.hue_turned,
    "blurred": cells.blurred,
    "part": cells.part,
    "crowd": cells.crowd,
    "exposure": cells.exposure,
}


def draw_foreign(size_px: int, rng: np.random.Generator, cells: U8Array) -> tuple[U8Array, str]:
    """One picture of a kind drawn by lot.

    Args:
        size_px: side of the picture.
        rng: the only source of chance.
        cells: (N,S,S,3) uint8 RGB, healthy prepared cells, black outside; N at least 1.

    Returns:
        (S,S,3) uint8 RGB and the name of its kind, a key of `FIT_KINDS`.
    """
    names = list(FIT_KINDS)
    kind = names[int(rng.integers(len(names)))]
    return FIT_KINDS[kind](size_px, rng, cells), kind
