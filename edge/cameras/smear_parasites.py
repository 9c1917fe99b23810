"""Parasites of simulated red cells, as density added inside a cell's patch.

Looks follow the bench aids' descriptions of P. falciparum in Giemsa (WHO, Basic malaria microscopy,
2nd ed., 2010): ring with a chromatin dot, amoeboid trophozoite with pigment, schizont with many
chromatin dots round a pigment clump, crescent-shaped gametocyte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.cameras.smear_shapes import (
    Canvas,
    Outline,
    arc,
    crescent_depth,
    depth_in,
    random_outline,
    soften,
    spot,
)
from edge.cameras.smear_stain import Stain
from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE
from edge.contract.types import F32Array, F64Array


@dataclass(frozen=True, eq=False)
class Painting:
    """A patch while it is being painted.

    Attributes:
        density: (h,w,3) float32 optical density, changed in place.
        canvas: its pixels.
        stain: the slide's colours.
        rng: source of place, size and shape.
    """

    density: F32Array
    canvas: Canvas
    stain: Stain
    rng: np.random.Generator

    def add(self, cover: F32Array | F64Array, colour: F32Array | F64Array) -> None:
        """Adds a dye of this density (3,) where it covers (h,w)."""
        cover = np.asarray(cover, np.float32)
        # Planes merged: several times faster than broadcasting over a last axis of three.
        self.density[...] += cv2.merge([cover * np.float32(channel) for channel in colour])

    def thin(self, cover: F32Array, fraction: float) -> None:
        """Takes away this fraction of what is there."""
        self.density[...] *= (1 - np.float32(fraction) * cover)[..., None]


def _paint_rings(painting: Painting, cell: Outline) -> None:
    rng = painting.rng
    start = rng.uniform(0, 2 * np.pi)
    # Falciparum often puts several rings into one cell.
    for number in range(1 + int(rng.random() < 0.16)):
        _paint_ring(painting, cell, start + 2.4 * number)


def _paint_ring(painting: Painting, cell: Outline, angle: float) -> None:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    loop = random_outline(rng.uniform(0.6, 1.1) * um, rng.uniform(0.05, 0.6), 0.07, rng)
    reach = float(cell.radius_px(angle)) - loop.mean_px - 0.35 * um
    away = reach * np.sqrt(rng.uniform(0.08, 1))
    place = (away * np.cos(angle), away * np.sin(angle))
    dot_angle = rng.uniform(0, 2 * np.pi)
    room = _room(canvas, cell)
    # The ring's vacuole holds no haemoglobin, so light passes.
    painting.thin(room * soften(depth_in(loop, canvas, place)[0], 0.5 * um), rng.uniform(0.05, 0.3))
    body = arc(canvas, loop, place, rng.uniform(0.2, 0.3) * um, dot_angle + np.pi)
    painting.add(room * body, painting.stain.cytoplasm * rng.uniform(0.4, 1.2))
    # A quarter of the rings have a second chromatin dot.
    for turn in (0.0, rng.uniform(0.7, 1.6))[: 1 + int(rng.random() < 0.25)]:
        edge = float(loop.radius_px(dot_angle + turn))
        dot_x = place[0] + edge * np.cos(dot_angle + turn)
        dot_y = place[1] + edge * np.sin(dot_angle + turn)
        size, stretch = rng.uniform(0.3, 0.55) * um, rng.uniform(0.55, 1.8)
        dot = spot(canvas, (dot_x, dot_y), size, 0.5 * um, stretch)
        painting.add(room * dot, painting.stain.chromatin * rng.uniform(0.45, 1.1))


def _paint_trophozoite(painting: Painting, cell: Outline) -> None:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    body = random_outline(rng.uniform(1.3, 2.1) * um, rng.uniform(0.1, 0.6), 0.09, rng)
    angle = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0.1, 0.9) * max(float(cell.radius_px(angle)) - body.mean_px - 0.2 * um, 0)
    x, y = away * np.cos(angle), away * np.sin(angle)
    room = _room(canvas, cell)
    depth, _ = depth_in(body, canvas, (x, y))
    # Darker towards its own rim: the body is a shell round a food vacuole.
    shell = 0.55 + 0.45 * np.exp(-((depth / (0.5 * um)) ** 2))
    strength = rng.uniform(0.8, 1.4)
    painting.add(room * soften(depth, 0.9 * um) * shell, painting.stain.cytoplasm * strength)
    turn = rng.uniform(0, 2 * np.pi)
    dx, dy = 0.45 * body.mean_px * np.cos(turn), 0.45 * body.mean_px * np.sin(turn)
    size, stretch = rng.uniform(0.5, 0.8) * um, rng.uniform(0.5, 1.9)
    dot = spot(canvas, (x + dx, y + dy), size, 0.6 * um, stretch)
    painting.add(room * dot, painting.stain.chromatin * rng.uniform(0.65, 1.05))
    # Pigment lies on the other side of the body from the nucleus.
    _paint_pigment(painting, (x - 0.4 * dx, y - 0.4 * dy), 0.4 * body.mean_px)


def _paint_schizont(painting: Painting, cell: Outline) -> None:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    room = _room(canvas, cell)
    radius = rng.uniform(0.58, 0.82) * cell.mean_px
    body = random_outline(radius, rng.uniform(0.02, 0.25), 0.05, rng)
    depth, _ = depth_in(body, canvas)
    painting.add(room * soften(depth, 0.9 * um), painting.stain.cytoplasm * rng.uniform(0.6, 1.0))
    count = int(rng.integers(8, 21))
    # A sunflower's spacing keeps the merozoites apart with no search (Vogel, Math Biosci 1979;44).
    order = np.arange(count)
    away = radius * (0.25 + 0.6 * np.sqrt((order + 0.5) / count)) + rng.normal(0, 0.2 * um, count)
    angle = order * 2.39996 + rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.22, count)
    for x, y in zip(away * np.cos(angle), away * np.sin(angle), strict=True):
        size, stretch = rng.uniform(0.26, 0.46) * um, rng.uniform(0.55, 1.7)
        dot = spot(canvas, (x, y), size, 0.5 * um, stretch)
        painting.add(room * dot, painting.stain.chromatin * rng.uniform(0.55, 1.0))
    middle = rng.normal(0, 0.3 * um, 2)
    _paint_pigment(painting, (middle[0], middle[1]), 0.6 * um)


def _paint_pigment(painting: Painting, place_px: tuple[float, float], spread_px: float) -> None:
    """Brown grains about a place."""
    rng, um = painting.rng, painting.canvas.px_per_um
    for dx, dy in rng.normal(0, 0.5 * spread_px, (int(rng.integers(3, 8)), 2)):
        place = (place_px[0] + dx, place_px[1] + dy)
        grain = spot(painting.canvas, place, rng.uniform(0.12, 0.24) * um, 0.3 * um)
        painting.add(grain, painting.stain.pigment * rng.uniform(0.4, 0.8))


def _paint_gametocyte(painting: Painting, cell: Outline) -> None:
    """Colours a crescent: blue-purple body, a nucleus in its middle, pigment about it."""
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    depth, along = crescent_depth(cell, canvas)
    cover = soften(depth, 0.16 * um + 1.2)
    painting.add(cover * (0.8 + 0.3 * along**2), painting.stain.cytoplasm * rng.uniform(0.9, 1.5))
    # Female: compact nucleus; male: spread out and paler.
    spread = rng.uniform(0.13, 0.26)
    middle = np.exp(-(((along - rng.normal(0, 0.06)) / spread) ** 2)) * soften(depth, 1.2 * um)
    painting.add(middle, painting.stain.chromatin * 0.16 / spread * rng.uniform(0.7, 1.0))
    inner = np.argwhere((np.abs(along) < 0.3) & (depth > 0.5 * um))
    for row, column in inner[rng.integers(0, len(inner), int(rng.integers(6, 13)))]:
        place = (float(canvas.x[0, column]), float(canvas.y[row, 0]))
        grain = cover * spot(canvas, place, rng.uniform(0.14, 0.26) * um, 0.3 * um)
        painting.add(grain, painting.stain.pigment * rng.uniform(0.4, 0.8))


def _room(canvas: Canvas, cell: Outline) -> F32Array:
    return soften(depth_in(cell, canvas)[0], 2.0)


# A gametocyte's outline must be a crescent's; the others take any red cell's.
PARASITE_PAINTERS: dict[str, Callable[[Painting, Outline], None]] = {
    RING: _paint_rings,
    TROPHOZOITE: _paint_trophozoite,
    SCHIZONT: _paint_schizont,
    GAMETOCYTE: _paint_gametocyte,
}
