"""Outlines of simulated cells and the soft marks inside them: geometry only, no colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import F32Array, F64Array

_ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)
_STEPS = np.arange(241) * (np.pi / 120)
# Room round an outline for its soft edge and the bright diffraction line outside it.
MARGIN_PX = 4


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed, star-shaped outline about its centre: an ellipse with harmonics of the angle.

    Attributes:
        long_px: long semi-axis.
        short_px: short semi-axis.
        tilt: angle of the long axis, radians.
        amplitudes: (K,) relative size of harmonics 3, 4, ... 2 + K.
        phases: (K,) radians.
        bend: for a crescent, half the angle that its mid-line spans, radians; else 0. The ellipse
            then is the one that holds it.
    """

    long_px: float
    short_px: float
    tilt: float
    amplitudes: F64Array
    phases: F64Array
    bend: float = 0.0

    @property
    def mean_px(self) -> float:
        """Radius of the circle of about the same area."""
        return float(np.sqrt(self.long_px * self.short_px))

    def radius_px(self, angle: F64Array | F32Array | float) -> F64Array:
        """Distance from the centre to the outline at these angles (radians)."""
        turned = np.asarray(angle) - self.tilt
        across = (self.short_px * np.cos(turned)) ** 2 + (self.long_px * np.sin(turned)) ** 2
        orders = np.arange(3, 3 + len(self.amplitudes))
        wobble = 1 + np.cos(np.multiply.outer(turned, orders) + self.phases) @ self.amplitudes
        return np.asarray(self.long_px * self.short_px / np.sqrt(across) * wobble)

    def bounds_px(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom relative to the centre."""
        radius = self.radius_px(_ANGLES)
        x, y = radius * np.cos(_ANGLES), radius * np.sin(_ANGLES)
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())


@dataclass(frozen=True, eq=False)
class Canvas:
    """The pixels of one cell's patch.

    Attributes:
        left_px: column of the patch in the frame; may lie outside it.
        top_px: row of the patch.
        x: (1,w) float32 px right of the cell's centre.
        y: (h,1) float32 px below it.
        px_per_um: scale.
    """

    left_px: int
    top_px: int
    x: F32Array
    y: F32Array
    px_per_um: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.y.shape[0], self.x.shape[1]


def canvas_for(
    bounds_px: tuple[float, float, float, float], x_px: float, y_px: float, px_per_um: float
) -> Canvas:
    """The patch that holds an outline with its centre at (x_px, y_px) of the frame."""
    left, top, right, bottom = bounds_px
    first_x, first_y = int(np.floor(x_px + left)) - MARGIN_PX, int(np.floor(y_px + top)) - MARGIN_PX
    last_x, last_y = int(np.ceil(x_px + right)) + MARGIN_PX, int(np.ceil(y_px + bottom)) + MARGIN_PX
    x = np.arange(first_x, last_x + 1, dtype=np.float32)[None, :] - np.float32(x_px)
    y = np.arange(first_y, last_y + 1, dtype=np.float32)[:, None] - np.float32(y_px)
    return Canvas(first_x, first_y, x, y, px_per_um)


def random_outline(
    radius_px: float, elongation: float, wobble: float, rng: np.random.Generator
) -> Outline:
    """An outline of about this radius; `wobble` is the relative sigma of its harmonics."""
    stretch = np.sqrt(1 + elongation)
    orders = np.arange(3, 7)
    return Outline(
        radius_px * stretch,
        radius_px / stretch,
        rng.uniform(0, np.pi),
        rng.normal(0, wobble, len(orders)) * 3 / orders,
        rng.uniform(0, 2 * np.pi, len(orders)),
    )


def depth_in(
    outline: Outline, canvas: Canvas, place_px: tuple[float, float] = (0, 0)
) -> tuple[F32Array, F32Array]:
    """How far each pixel lies inside an outline centred at (x, y) from the cell's centre.

    Returns:
        (h,w) float32 distance to the outline in px, positive inside; and (h,w) float32 distance
        from the centre relative to the outline's, 0 in the centre and 1 on the outline.
    """
    x = np.broadcast_to(canvas.x - np.float32(place_px[0]), canvas.shape)
    y = np.broadcast_to(canvas.y - np.float32(place_px[1]), canvas.shape)
    distance, angle = cv2.cartToPolar(np.ascontiguousarray(x), np.ascontiguousarray(y))
    # Looked up, not computed a pixel: the outline is smooth and 240 points follow it.
    steps = outline.radius_px(_STEPS).astype(np.float32)
    radius = steps[(angle * np.float32(120 / np.pi) + 0.5).astype(np.int16)]
    return radius - distance, distance / radius


def crescent_depth(outline: Outline, canvas: Canvas) -> tuple[F32Array, F32Array]:
    """How far each pixel lies inside a crescent, and where along it.

    Returns:
        (h,w) float32 distance to its edge in px, positive inside; and (h,w) float32 place along
        its mid-line, -1 to 1 from tip to tip.
    """
    radius = outline.long_px / np.sin(outline.bend)
    sagitta = radius * (1 - np.cos(outline.bend))
    half_width = outline.short_px - sagitta / 2
    cos, sin = np.cos(outline.tilt), np.sin(outline.tilt)
    along_px = canvas.x * cos + canvas.y * sin
    across_px = canvas.y * cos - canvas.x * sin + (radius - sagitta / 2)
    along = np.arctan2(along_px, across_px) / outline.bend
    # Blunt tips: the width falls late.
    taper = np.sqrt(np.maximum(1 - np.abs(along) ** 2.6, 0))
    depth = half_width * taper - np.abs(np.hypot(along_px, across_px) - radius)
    depth = np.where(np.abs(along) < 1, depth, -half_width)
    return np.asarray(depth, np.float32), np.asarray(along, np.float32)


def soften(depth_px: F32Array, edge_px: float) -> F32Array:
    """0 outside, 1 inside, with a smooth step of this width across the outline."""
    step = np.clip(depth_px / np.float32(edge_px) + np.float32(0.5), 0, 1)
    return np.asarray(step * step * (3 - 2 * step), np.float32)


def spot(
    canvas: Canvas,
    place_px: tuple[float, float],
    radius_px: float,
    edge_px: float,
    stretch: float = 1,
) -> F32Array:
    """(h,w) cover of a soft disc at (x, y) from the centre; `stretch` < 1 draws it outwards."""
    x, y = place_px
    angle = np.arctan2(y, x)
    along = (canvas.x - x) * np.cos(angle) + (canvas.y - y) * np.sin(angle)
    across = (canvas.y - y) * np.cos(angle) - (canvas.x - x) * np.sin(angle)
    distance = np.sqrt(along**2 * stretch + across**2 / stretch)
    return soften(np.asarray(radius_px - distance, np.float32), edge_px)


def arc(
    canvas: Canvas,
    outline: Outline,
    place_px: tuple[float, float],
    width_px: float,
    thick_angle: float,
) -> F32Array:
    """(h,w) strength of a loop along an outline, thicker and darker towards one angle."""
    depth, _ = depth_in(outline, canvas, place_px)
    angle = np.arctan2(canvas.y - place_px[1], canvas.x - place_px[0])
    weight = 0.66 + 0.34 * np.cos(angle - thick_angle)
    return np.asarray(weight * np.exp(-((depth / (width_px * weight)) ** 2)), np.float32)
