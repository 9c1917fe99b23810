"""Pictures of the page: maps over images, the colour scale, curves, embedding maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array
from train.report.page import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIEW_PX = 224
# A few pixels of a gradient can dwarf the rest; the scale ends where all but 1 in 200 are inside.
_SCALE_PERCENTILE = 99.5
# Red for the class, blue against it: told apart with every kind of colour blindness.
_COLOURS = "RdBu_r"
# Okabe and Ito's colours for the classes.
CLASS_RGB = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (120, 120, 120),
    (0, 0, 0),
)
_MAP_PX, _THUMB_PX, _MARGIN_PX = 1100, 36, 30


def scale_of(one: F32Array) -> float:
    """The value at the end of the colour scale of a map."""
    return float(np.percentile(np.abs(one), _SCALE_PERCENTILE)) or float(np.abs(one).max())


def overlaid(crop: U8Array, one: F32Array) -> U8Array:
    """A map (H,W) over its image, (VIEW_PX,VIEW_PX,3) uint8 RGB.

    The image is grey, so that no stain is taken for the map, and shows through where the map is
    near 0.
    """
    import matplotlib

    size = (VIEW_PX, VIEW_PX)
    grey = cv2.cvtColor(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_RGB2GRAY)
    value = cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) / (scale_of(one) or 1)
    value = np.clip(value, -1, 1)
    colour = matplotlib.colormaps[_COLOURS](0.5 + value / 2)[..., :3] * 255
    # The square root lets half the scale's end be seen well.
    alpha = 0.85 * np.sqrt(np.abs(value))[..., None]
    return np.asarray((1 - alpha) * grey[..., None] + alpha * colour + 0.5, np.uint8)


def scale_figure() -> Figure:
    """The colour scale that all maps share, each with its own end."""
    figure = new_figure(6.0, 0.75)
    axes = figure.add_subplot()
    axes.imshow(np.linspace(-1, 1, 256)[None], aspect="auto", cmap=_COLOURS, extent=(-1, 1, 0, 1))
    axes.set_yticks([])
    axes.set_xticks([-1, 0, 1], ["−m: against the class", "0", "+m: for the class"])
    return figure


def curves_figure(
    shares: F32Array, curves: Sequence[tuple[str, F32Array]], random: F32Array, title: str
) -> Figure:
    """Mean curves of the methods, (S,) each, and of the random maps."""
    figure = new_figure(5.4, 4.2)
    axes = figure.add_subplot()
    for index, (name, curve) in enumerate(curves):
        colour = np.divide(CLASS_RGB[index % len(CLASS_RGB)], 255)
        axes.plot(100 * shares, curve, label=name, color=colour, linewidth=1.6)
    axes.plot(100 * shares, random, "k--", label="random maps", linewidth=1.6)
    axes.set(title=title, xlabel="% of the pixels", ylabel="P(class)", ylim=(-0.02, 1.02))
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)
    return figure


def embedding_picture(
    places: F32Array, crops: U8Array, truth: np.ndarray, wrong: np.ndarray
) -> U8Array:
    """Thumbnails at their places, framed in the colour of their class; a wrong call has a cross.

    Where thumbnails would overlap, the first is shown and the others are dots; mistakes come first,
    so that all that do not hide each other are seen.

    Args:
        places: (N,2); crops (N,H,W,3) uint8; truth (N,) class indices; wrong (N,) bool.

    Returns:
        (_MAP_PX,_MAP_PX,3) uint8 RGB.
    """
    canvas = np.full((_MAP_PX, _MAP_PX, 3), 255, np.uint8)
    centres = _centres(places)
    order = np.argsort(~wrong, kind="stable")
    shown = _apart(centres, order)
    for row in order[::-1]:
        if row not in shown:
            _dot(canvas, centres[row], CLASS_RGB[truth[row] % len(CLASS_RGB)], bool(wrong[row]))
    for row in order[::-1]:
        if row in shown:
            colour = CLASS_RGB[truth[row] % len(CLASS_RGB)]
            _thumbnail(canvas, centres[row], crops[row], colour, bool(wrong[row]))
    return canvas


def _centres(places: F32Array) -> np.ndarray:
    low, high = places.min(axis=0), places.max(axis=0)
    edge = _MARGIN_PX + _THUMB_PX // 2
    unit = (places - low) / np.where(high > low, high - low, 1)
    return np.asarray(edge + unit * (_MAP_PX - 2 * edge - 1)).round().astype(int)


def _apart(centres: np.ndarray, order: np.ndarray) -> set[int]:
    """Rows whose thumbnails do not overlap, taken greedily in this order."""
    kept: list[int] = []
    for row in order:
        gaps = np.abs(centres[kept] - centres[row]).max(axis=1) if kept else np.array([_MAP_PX])
        if gaps.min() > _THUMB_PX + 4:
            kept.append(int(row))
    return set(kept)


def _dot(canvas: U8Array, centre: np.ndarray, colour: tuple[int, int, int], wrong: bool) -> None:
    at = (int(centre[0]), int(centre[1]))
    if wrong:
        cv2.drawMarker(canvas, at, colour, cv2.MARKER_TILTED_CROSS, 11, 2)
    else:
        cv2.circle(canvas, at, 3, colour, -1, cv2.LINE_AA)


def _thumbnail(
    canvas: U8Array,
    centre: np.ndarray,
    crop: U8Array,
    colour: tuple[int, int, int],
    wrong: bool,
) -> None:
    half = _THUMB_PX // 2
    left, top = int(centre[0]) - half, int(centre[1]) - half
    right, bottom = left + _THUMB_PX, top + _THUMB_PX
    small = cv2.resize(crop, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    canvas[top:bottom, left:right] = small
    cv2.rectangle(canvas, (left - 2, top - 2), (right + 1, bottom + 1), colour, 2)
    if wrong:
        for ink, width in (((255, 255, 255), 5), (colour, 3)):
            cv2.line(canvas, (right - 12, top + 2), (right - 2, top + 12), ink, width)
            cv2.line(canvas, (right - 2, top + 2), (right - 12, top + 12), ink, width)
