"""One simulated object at a time: its outline, and its patch in optical density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edge.cameras.smear_parasites import PARASITE_PAINTERS, Painting
from edge.cameras.smear_settings import RED_CELL_UM
from edge.cameras.smear_shapes import (
    Outline,
    canvas_for,
    crescent_depth,
    depth_in,
    random_outline,
    soften,
    spot,
)
from edge.cameras.smear_stain import Stain
from edge.contract.labels import DEBRIS, GAMETOCYTE, PLATELET, STAGES, UNINFECTED, WBC
from edge.contract.types import BoolArray, F32Array

# Half the angle that a crescent's mid-line spans, radians: from a banana to a sickle.
_BEND = (0.55, 0.95)


@dataclass(frozen=True, eq=False)
class Patch:
    """One object's contribution to a field.

    Attributes:
        left_px: column of the patch in the frame; may lie outside it.
        top_px: row of the patch.
        density: (h,w,3) float32 optical density; slightly negative in the bright line about a cell.
        mask: (h,w) bool, True inside the object.
    """

    left_px: int
    top_px: int
    density: F32Array
    mask: BoolArray


def outline_for(label: str, stain: Stain, px_per_um: float, rng: np.random.Generator) -> Outline:
    """A random outline of an object of this kind; a crescent's is the ellipse that holds it."""
    if label == GAMETOCYTE:
        return _crescent_outline(px_per_um, rng)
    if label == WBC:
        return random_outline(rng.uniform(5.2, 6.8) * px_per_um, rng.uniform(0, 0.15), 0.02, rng)
    if label == PLATELET:
        return random_outline(rng.uniform(0.9, 1.5) * px_per_um, rng.uniform(0, 0.5), 0.05, rng)
    if label == DEBRIS:
        return random_outline(rng.uniform(0.28, 0.65) * px_per_um, rng.uniform(0, 0.7), 0.08, rng)
    elongation = abs(rng.normal(stain.elongation, 0.06))
    if rng.random() < 0.04:
        elongation += rng.uniform(0.15, 0.5)
    radius = RED_CELL_UM / 2 * np.clip(rng.normal(1, 0.06), 0.8, 1.2)
    return random_outline(radius * px_per_um, elongation, 0.012, rng)


def _crescent_outline(px_per_um: float, rng: np.random.Generator) -> Outline:
    long_um, width_um = rng.uniform(4.3, 5.4), rng.uniform(2.9, 3.6)
    bend = rng.uniform(*_BEND)
    sagitta_um = long_um * (1 - np.cos(bend)) / np.sin(bend)
    long_px, short_px = long_um * px_per_um, (width_um + sagitta_um) / 2 * px_per_um
    return Outline(long_px, short_px, rng.uniform(0, 2 * np.pi), np.zeros(0), np.zeros(0), bend)


def draw_patch(
    label: str,
    outline: Outline,
    place: tuple[float, float, float],
    stain: Stain,
    rng: np.random.Generator,
) -> Patch:
    """Draws one object.

    Args:
        label: uninfected, a stage, wbc, platelet or debris.
        outline: from `outline_for` with the same label.
        place: column and row of its centre in px of the frame, and px per um.
        stain: the slide's colours.
        rng: source of what the outline does not decide.
    """
    # A crescent's tips reach past the corners of the ellipse that stands for it.
    reach_px = 1.1 * outline.long_px
    bounds = (-reach_px, -reach_px, reach_px, reach_px) if outline.bend else outline.bounds_px()
    canvas = canvas_for(bounds, *place)
    painting = Painting(np.zeros((*canvas.shape, 3), np.float32), canvas, stain, rng)
    depth = _PAINTERS[label](painting, outline)
    if label in PARASITE_PAINTERS:
        PARASITE_PAINTERS[label](painting, outline)
    return Patch(canvas.left_px, canvas.top_px, painting.density, depth >= 0)


def _paint_red_cell(painting: Painting, outline: Outline, pallor_share: float = 1) -> F32Array:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    depth, rel = depth_in(outline, canvas)
    # Plain floats: NumPy's own scalars would widen every step below to float64.
    pallor = pallor_share * float(np.clip(rng.normal(painting.stain.pallor, 0.1), 0, 0.6))
    width = rng.uniform(0.28, 0.55)
    # Soft hollows mostly, and some flat ones with an edge.
    flatness = 2 if rng.random() < 0.7 else 4
    slope = [rng.normal(0, 0.04) / outline.mean_px for _ in range(2)]
    thickness = 1 - pallor * np.exp(-((rel / width) ** flatness))
    thickness += rng.uniform(0, 0.12) * np.exp(-(((depth - 0.5 * um) / (0.5 * um)) ** 2))
    thickness *= 1 + slope[0] * canvas.x + slope[1] * canvas.y
    thickness *= soften(depth, 0.16 * um + 1.2)
    painting.add(thickness, painting.stain.haemoglobin * np.exp(rng.normal(0, 0.07)))
    # The edge bends light: a thin bright line just outside.
    painting.add(np.exp(-(((depth + 2.2) / 1.2) ** 2)), np.full(3, -0.03))
    return depth


def _paint_crescent(painting: Painting, outline: Outline) -> F32Array:
    depth, _ = crescent_depth(outline, painting.canvas)
    cover = soften(depth, 0.16 * painting.canvas.px_per_um + 1.2)
    painting.add(cover, painting.stain.haemoglobin * painting.rng.uniform(0.8, 1.0))
    return depth


def _paint_white_cell(painting: Painting, outline: Outline) -> F32Array:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    depth, _ = depth_in(outline, canvas)
    cover = soften(depth, 1.2 * um)
    painting.add(cover * _grain(canvas.shape, 0.2 * um, 0.25, rng), painting.stain.pale_plasm)
    nucleus = np.zeros(canvas.shape, np.float32)
    lobes = int(rng.integers(2, 6))
    start, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.5) * outline.mean_px
    for number in range(lobes):
        angle = start + number * rng.uniform(3.6, 4.6) / lobes
        place = (reach * np.cos(angle), reach * np.sin(angle))
        size = (0.22 + 0.26 / np.sqrt(lobes)) * outline.mean_px * rng.uniform(0.85, 1.15)
        lobe = spot(canvas, place, size, 0.8 * um, rng.uniform(0.7, 1.8))
        nucleus = np.maximum(nucleus, lobe)
    clumps = _grain(canvas.shape, 0.35 * um, 0.12, rng)
    painting.add(nucleus * cover * clumps, painting.stain.nucleus)
    return depth


def _paint_platelet(painting: Painting, outline: Outline) -> F32Array:
    rng, canvas, um = painting.rng, painting.canvas, painting.canvas.px_per_um
    depth, rel = depth_in(outline, canvas)
    cover = soften(depth, 0.8 * um)
    painting.add(cover, painting.stain.pale_plasm * rng.uniform(1.2, 1.8))
    granules = cover * np.exp(-((rel / 0.7) ** 2)) * _grain(canvas.shape, 0.2 * um, 0.4, rng)
    painting.add(granules, painting.stain.nucleus * rng.uniform(0.3, 0.5))
    return depth


def _paint_speck(painting: Painting, outline: Outline) -> F32Array:
    depth, _ = depth_in(outline, painting.canvas)
    cover = soften(depth, 0.2 * painting.canvas.px_per_um + 1.2)
    painting.add(cover, painting.stain.speck * painting.rng.uniform(0.5, 1.2))
    return depth


def _grain(
    shape: tuple[int, int], size_px: float, strength: float, rng: np.random.Generator
) -> F32Array:
    """(h,w) float32 about 1: clumps of this size, with this relative sigma."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), max(size_px, 0.5))
    return np.asarray(np.maximum(1 + strength * noise / max(float(noise.std()), 1e-6), 0))


# A parasite eats its cell's haemoglobin and rounds it up: pallor is half lost.
_PAINTERS: dict[str, Callable[[Painting, Outline], F32Array]] = {
    UNINFECTED: _paint_red_cell,
    **dict.fromkeys(STAGES, partial(_paint_red_cell, pallor_share=0.5)),
    GAMETOCYTE: _paint_crescent,
    WBC: _paint_white_cell,
    PLATELET: _paint_platelet,
    DEBRIS: _paint_speck,
}
KINDS = tuple(_PAINTERS)
