"""Parasites drawn into real healthy cells, from which a novelty network learns.

No infected cell enters such a fit. What a parasite looks like comes from the bench aids (WHO,
Basic malaria microscopy, 2nd ed., 2010): chromatin takes the stain's purple, cytoplasm its blue,
and both are denser than the cell about them. Harmless marks are drawn into healthy cells too: pale
spots, and dark ones of the cell's own colour or grey.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, F64Array, U8Array
from train.augment import EDGE_LEVEL

# Sizes below are px of a cell this wide, about 11 px a micrometre.
REFERENCE_PX = 96
# Dye this dense counts fully as parasite; what is fainter counts in part.
FULL_DENSITY = 0.15
LEAST_CELL_PX = 100
RIM_PX = 8.0


@dataclass(frozen=True, eq=False)
class Canvas:
    """One cell while it is being painted.

    Attributes:
        density: (S,S,3) float32 optical density, changed in place.
        truth: (S,S) float32, 0 to 1, where a parasite was drawn; changed in place.
        inside: (rows, columns) of the cell's pixels.
        rim: the same of those near its edge.
        rng: source of place, size, shape and colour.
    """

    density: F32Array
    truth: F32Array
    inside: tuple[np.ndarray, np.ndarray]
    rim: tuple[np.ndarray, np.ndarray]
    rng: np.random.Generator

    @property
    def unit(self) -> float:
        """Px of the canvas for one of the reference."""
        return self.density.shape[0] / REFERENCE_PX

    def place(self, rim_share: float) -> tuple[float, float]:
        """x, y in px of a pixel of the cell, near its edge in that share of calls."""
        rows, columns = self.rim if self.rng.random() < rim_share else self.inside
        index = int(self.rng.integers(len(rows)))
        return float(columns[index]), float(rows[index])

    def between(self, low: float, high: float) -> float:
        """Uniform on a logarithmic scale."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def blob(
        self,
        xy: tuple[float, float],
        radius: float,
        *,
        rough: float = 0.15,
        stretch: float = 0.3,
        soft: float = 1.0,
    ) -> F32Array:
        """An irregular spot, (S,S) 0 to 1; radius and softness in px of the reference."""
        rng, side = self.rng, self.density.shape[0]
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        shape = np.ones(40)
        for wave in range(1, 5):
            shape += rough / wave * rng.normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
        reach = radius * self.unit * np.clip(shape, 0.3, 2.0)
        long, turn = np.exp(rng.normal(0, stretch)), rng.uniform(0, np.pi)
        x, y = reach * np.cos(angle) * long, reach * np.sin(angle) / long
        points = np.stack(
            [
                xy[0] + x * np.cos(turn) - y * np.sin(turn),
                xy[1] + x * np.sin(turn) + y * np.cos(turn),
            ],
            axis=1,
        )
        spot = np.zeros((side, side), np.uint8)
        cv2.fillPoly(spot, [np.round(points * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
        cover = spot.astype(np.float32) / 255
        return np.asarray(cv2.GaussianBlur(cover, (0, 0), soft * self.unit), np.float32)

    def dye(self, cover: F32Array, colour: F64Array) -> None:
        """Adds a parasite's dye of this density (3,)."""
        self.density[...] += cover[..., None] * colour.astype(np.float32)
        share = np.float32(min(1.0, float(colour.max()) / FULL_DENSITY))
        np.maximum(self.truth, cover * share, out=self.truth)

    def tint(self, cover: F32Array, colour: F64Array) -> None:
        """Adds a harmless density (3,)."""
        self.density[...] += cover[..., None] * colour.astype(np.float32)

    def thin(self, cover: F32Array, fraction: float) -> None:
        """Takes away this fraction of what is there."""
        self.density[...] *= (1 - np.float32(fraction) * cover)[..., None]


def paint_cell(
    image: U8Array, rng: np.random.Generator, *, parasite: bool, harmless: float
) -> tuple[U8Array, F32Array]:
    """A changed copy of a prepared healthy cell, and where its parasites are.

    Args:
        image: (S,S,3) uint8 RGB, black outside the cell.
        parasite: draw one, seldom several.
        harmless: probability of marks that healthy cells have too.

    Returns:
        (S,S,3) uint8 RGB and (S,S) float32, 0 to 1. A crop that holds next to no cell comes back
        as it is.
    """
    cell = np.asarray(image.max(axis=2) > EDGE_LEVEL, np.bool_)
    marked = rng.random() < harmless
    if np.count_nonzero(cell) < LEAST_CELL_PX or not (parasite or marked):
        return image, np.zeros(image.shape[:2], np.float32)
    canvas = _open(image, cell, rng)
    if marked:
        own = np.asarray(canvas.density[canvas.inside].mean(axis=0), np.float64)
        for _ in range(int(rng.integers(1, 3))):
            _paint_harmless(canvas, own)
    if parasite:
        for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 5))):
            _paint_parasite(canvas)
    light = np.clip(256 * np.exp(-canvas.density) - 0.5, 0, 255).astype(np.uint8)
    return np.where(cell[..., None], light, image), canvas.truth * cell


def _open(image: U8Array, cell: BoolArray, rng: np.random.Generator) -> Canvas:
    depth = cv2.distanceTransform(cell.view(np.uint8), cv2.DIST_L2, 3)
    rim = cell & (depth < RIM_PX * image.shape[0] / REFERENCE_PX)
    # A crop that is not masked has no edge.
    rim = rim if rim.any() else cell
    density = -np.log((image.astype(np.float32) + 1) / 256)
    truth = np.zeros(cell.shape, np.float32)
    return Canvas(density, truth, np.nonzero(cell), np.nonzero(rim), rng)


def _chromatin(canvas: Canvas) -> F64Array:
    """Density of a nucleus: green is held back most, red and blue by any share of that."""
    rng = canvas.rng
    colour = np.array([rng.uniform(0.05, 0.65), 1.0, rng.uniform(0.0, 0.65)])
    return np.asarray(colour * canvas.between(0.15, 1.3))


def _cytoplasm(canvas: Canvas) -> F64Array:
    """Density of a parasite's body: bluer and fainter than its nucleus."""
    rng = canvas.rng
    colour = np.array([rng.uniform(0.4, 1.0), rng.uniform(0.5, 1.0), rng.uniform(0.0, 0.45)])
    return np.asarray(colour * canvas.between(0.06, 0.5))


def _paint_parasite(canvas: Canvas) -> None:
    painters = (_paint_dot, _paint_ring, _paint_body, _paint_many, _paint_filling)
    index = int(canvas.rng.choice(len(painters), p=(0.4, 0.28, 0.17, 0.07, 0.08)))
    painters[index](canvas, canvas.place(0.35), float(canvas.rng.uniform(0.5, 1.6)))


def _paint_dot(canvas: Canvas, xy: tuple[float, float], soft: float) -> None:
    """Chromatin alone, as of a thin ring seen from its edge."""
    canvas.dye(canvas.blob(xy, canvas.between(1.6, 7), soft=soft), _chromatin(canvas))


def _paint_ring(canvas: Canvas, xy: tuple[float, float], soft: float) -> None:
    """A ring of cytoplasm about a paler vacuole, with one nucleus or two on it."""
    rng = canvas.rng
    radius, hole = rng.uniform(4, 12), rng.uniform(0.45, 0.8)
    whole = canvas.blob(xy, radius, rough=0.12, stretch=0.12, soft=soft)
    shrink = np.array([[hole, 0, xy[0] * (1 - hole)], [0, hole, xy[1] * (1 - hole)]])
    inner = np.asarray(cv2.warpAffine(whole, shrink, whole.shape[::-1]), np.float32)
    canvas.dye(np.clip(whole - inner, 0, 1), _cytoplasm(canvas) * rng.uniform(1, 2))
    canvas.thin(inner, rng.uniform(0, 0.12))
    nucleus = _chromatin(canvas)
    for _ in range(1 + int(rng.random() < 0.3)):
        turn, reach = rng.uniform(0, 2 * np.pi), 0.85 * radius * canvas.unit
        place = (xy[0] + reach * np.cos(turn), xy[1] + reach * np.sin(turn))
        canvas.dye(canvas.blob(place, rng.uniform(1.6, 4.5), soft=soft), nucleus)


def _paint_body(canvas: Canvas, xy: tuple[float, float], soft: float) -> None:
    """An amoeboid body, mostly with a nucleus in it."""
    rng, radius = canvas.rng, canvas.rng.uniform(6, 18)
    body = canvas.blob(xy, radius, rough=0.3, stretch=0.25, soft=1.3 * soft)
    canvas.dye(body, _cytoplasm(canvas))
    if rng.random() < 0.75:
        place = _near(canvas, xy, 0.4 * radius)
        canvas.dye(canvas.blob(place, rng.uniform(2, 6), rough=0.2, soft=soft), _chromatin(canvas))


def _paint_many(canvas: Canvas, xy: tuple[float, float], soft: float) -> None:
    """A body with many nuclei."""
    rng, radius = canvas.rng, canvas.rng.uniform(12, 26)
    body = canvas.blob(xy, radius, rough=0.2, stretch=0.0, soft=1.5 * soft)
    canvas.dye(body, _cytoplasm(canvas))
    nucleus = _chromatin(canvas)
    for _ in range(int(rng.integers(4, 14))):
        spot = canvas.blob(_near(canvas, xy, 0.5 * radius), rng.uniform(1.5, 4), soft=soft)
        canvas.dye(spot, nucleus * rng.uniform(0.5, 1.1))


def _paint_filling(canvas: Canvas, _xy: tuple[float, float], soft: float) -> None:
    """A body that takes up the cell, mottled: schizonts and gametocytes, with grains of pigment."""
    rng = canvas.rng
    middle = (float(np.median(canvas.inside[1])), float(np.median(canvas.inside[0])))
    reach = np.sqrt(len(canvas.inside[0]) / np.pi) / canvas.unit
    body = canvas.blob(
        middle, rng.uniform(0.7, 1.15) * reach, rough=0.12, stretch=0.15, soft=2 * soft
    )
    canvas.dye(body * _mottled(canvas), _cytoplasm(canvas) * rng.uniform(1, 2))
    nucleus, pigment = _chromatin(canvas), np.array([0.3, 0.5, 1.0])
    for _ in range(int(rng.integers(0, 22))):
        spot = canvas.blob(_near(canvas, middle, 0.4 * reach), rng.uniform(1.5, 4.5), soft=soft)
        canvas.dye(spot, nucleus * rng.uniform(0.4, 1.1))
    for _ in range(int(rng.integers(0, 20))):
        grain = canvas.blob(_near(canvas, middle, 0.35 * reach), rng.uniform(0.8, 2), soft=0.6)
        canvas.dye(grain, pigment * rng.uniform(0.1, 0.6))


def _mottled(canvas: Canvas) -> F32Array:
    """(S,S), 0 to 1: patches of a few px, as strong as chance will have it."""
    rng, side = canvas.rng, canvas.density.shape[0]
    coarse = rng.random((int(rng.integers(4, 14)),) * 2).astype(np.float32)
    patches = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))
    return np.clip(1 - rng.uniform(0, 1) * patches, 0, 1).astype(np.float32)


def _near(canvas: Canvas, xy: tuple[float, float], spread: float) -> tuple[float, float]:
    dx, dy = canvas.rng.normal(0, spread * canvas.unit, 2)
    return xy[0] + float(dx), xy[1] + float(dy)


def _paint_harmless(canvas: Canvas, own: F64Array) -> None:
    """A pale spot, a dark one of the cell's own colour or grey, or faint specks of dye."""
    rng, kind = canvas.rng, canvas.rng.random()
    xy = canvas.place(0.3)
    if kind < 0.35:
        spot = canvas.blob(
            xy, canvas.between(1.5, 18), rough=0.2, stretch=0.0, soft=rng.uniform(0.6, 3)
        )
        canvas.thin(spot, rng.uniform(0.1, 0.8))
    elif kind < 0.75:
        spot = canvas.blob(
            xy, canvas.between(1.2, 12), rough=0.2, stretch=0.4, soft=rng.uniform(0.5, 2.5)
        )
        grey = np.full(3, rng.uniform(0.02, 0.2))
        canvas.tint(spot, own * rng.uniform(0.05, 0.5) if rng.random() < 0.6 else grey)
    else:
        for _ in range(int(rng.integers(1, 12))):
            speck = canvas.blob(canvas.place(0), rng.uniform(0.8, 1.8), stretch=0.0, soft=0.6)
            faint = np.array([rng.uniform(0.4, 1), 1.0, rng.uniform(0.2, 1)])
            canvas.tint(speck, faint * rng.uniform(0.02, 0.12))
