"""Evidence as pictures: annotated fields, cells in their context, class activation over them."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge.contract.labels import NON_RBC, PARASITISED, is_infected
from edge.contract.types import F32Array, U8Array

VIEW_PX = 160
_BEYOND_FIELD = 128
# A contribution of this size, in logits, saturates the heat map; fixed, so that maps can be
# compared. The classifier's logit is the mean of its map, so a parasite's few places stand far
# above it; the novelty network's is the mean of its highest places alone.
_FULL_HEAT_LOGITS = 40.0
_FULL_NOVELTY_HEAT_LOGITS = 6.0
_INFECTED, _DISPUTED, _UNCERTAIN = (214, 32, 32), (205, 105, 0), (190, 150, 0)
_REFUSED, _PLAIN_INK = (112, 48, 160), (30, 30, 30)
# A person's calls, apart from the machine's in colour and in word.
_SEEN, _REJECTED = (150, 0, 90), (0, 110, 130)
# Of a field that is this wide; in others lines and letters grow with it.
_USUAL_WIDTH_PX = 1280
_LINE_PX, _LETTER_PX, _SWATCH_PX = 24, 9, 12


@dataclass(frozen=True)
class _Mark:
    """How a kind of cell is boxed: later in the order is drawn over earlier.

    Attributes:
        kind: as the legend calls it.
    """

    order: int
    colour: tuple[int, int, int]
    width_px: int
    kind: str
    text: str = ""


def annotate_field(image: U8Array, cells: Sequence[Mapping[str, Any]]) -> U8Array:
    """A copy of the field with a box round each cell, and a word where it is no healthy one.

    Thick boxes are for a person to look at: cells called infected, with their stage where it is
    told, and score; cells on which the two networks differ, with which of them (1st the classifier,
    2nd the novelty network) suspects the cell and its score; cells that are uncertain; refused
    objects that look infected. What a person said of a cell stands in place of the machine's call.
    Lines and letters grow with the picture.

    Args:
        image: (H,W,3) uint8 RGB.
        cells: as `screen --json` writes them; with `said`, a person's label, where there is one.
    """
    out = image.copy()
    times = _times(image)
    marked = [(_mark(cell), cell) for cell in cells]
    for mark, cell in sorted(marked, key=lambda pair: pair[0].order):
        left, top = cell["left_px"], cell["top_px"]
        corner = (left + cell["width_px"] - 1, top + cell["height_px"] - 1)
        cv2.rectangle(out, (left, top), corner, mark.colour, mark.width_px * times)
        if mark.text:
            place = _beside(out, mark.text, (left, top), corner, times)
            _write(out, mark.text, place, mark.colour, times)
    return out


def add_legend(drawn: U8Array, cells: Sequence[Mapping[str, Any]], refused: str = "") -> U8Array:
    """An annotated field with a line below that says what each colour is, and how many there are.

    Args:
        drawn: (H,W,3) uint8 RGB.
        cells: those that were drawn.
        refused: why the field as a whole is refused; is said instead.

    Returns:
        (H+h,W,3) uint8 RGB.
    """
    times = _times(drawn)
    kinds = Counter(mark.kind for mark in map(_mark, cells))
    words = [(f"{mark.kind} {kinds[mark.kind]}", mark.colour) for mark in _legend(cells)]
    if refused:
        words = [(f"field refused: {refused}", _INFECTED)]
    rows = _rows(words or [("no cells", _PLAIN_INK)], drawn.shape[1], times)
    line_px = _LINE_PX * times
    strip = np.full((line_px * len(rows) + line_px // 2, drawn.shape[1], 3), 255, np.uint8)
    for number, row in enumerate(rows):
        for left, text, colour in row:
            base = line_px * (number + 1) - 4 * times
            side = _SWATCH_PX * times
            cv2.rectangle(strip, (left, base - side), (left + side, base), colour, cv2.FILLED)
            _write(strip, text, (left + 2 * side, base), _PLAIN_INK, times)
    return np.vstack([drawn, strip])


def _legend(cells: Sequence[Mapping[str, Any]]) -> list[_Mark]:
    """One mark of each kind, most important first."""
    found = {mark.kind: mark for mark in map(_mark, cells)}
    return sorted(found.values(), key=lambda mark: -mark.order)


def _rows(
    words: Sequence[tuple[str, tuple[int, int, int]]], width_px: int, times: int
) -> list[list[tuple[int, str, tuple[int, int, int]]]]:
    """Words with their left ends, on as many lines as they need; long ones are broken."""
    most = max(1, int((width_px - 3 * _SWATCH_PX * times) / (_LETTER_PX * times)))
    rows: list[list[tuple[int, str, tuple[int, int, int]]]] = [[]]
    left = _SWATCH_PX * times
    for text, colour in words:
        for part in textwrap.wrap(text, most):
            needed = (_LETTER_PX * len(part) + 4 * _SWATCH_PX) * times
            if rows[-1] and left + needed > width_px:
                rows.append([])
                left = _SWATCH_PX * times
            rows[-1].append((left, part, colour))
            left += needed
    return rows


def _times(image: U8Array) -> int:
    """How many times as large as on a usual field lines and letters are."""
    return max(1, round(int(image.shape[1]) / _USUAL_WIDTH_PX))


def _mark(cell: Mapping[str, Any]) -> _Mark:
    said = cell.get("said")
    return _said_mark(said) if said else _called_mark(cell)


def _called_mark(cell: Mapping[str, Any]) -> _Mark:
    infected = is_infected(cell["label"])
    if cell["refused"]:
        score = f" {cell['score']:.2f}" if infected else ""
        return _Mark(2, _REFUSED, 3 if infected else 1, "refused", f"refused{score}")
    if cell["disagrees"]:
        found = f"1st {cell['score']:.2f}" if infected else f"2nd {cell['novelty']:.2f}"
        return _Mark(4, _DISPUTED, 3, "networks differ", found)
    # Cells of older records are neither certain nor uncertain.
    if cell.get("uncertain"):
        return _Mark(3, _UNCERTAIN, 3, "uncertain", f"? {cell['score']:.2f}")
    if infected:
        stage = "" if cell["label"] == PARASITISED else f"{cell['label']} "
        return _Mark(5, _INFECTED, 3, "infected", f"{stage}{cell['score']:.2f}")
    if cell["label"] in NON_RBC:
        return _Mark(1, (40, 90, 200), 1, "no red cell", cell["label"])
    return _Mark(0, (60, 150, 110), 1, "healthy")


def _said_mark(label: str) -> _Mark:
    if is_infected(label):
        stage = "infected" if label == PARASITISED else label
        return _Mark(7, _SEEN, 3, "infected, says a person", f"{stage}, person")
    what = label if label in NON_RBC else "healthy"
    return _Mark(6, _REJECTED, 3, "not infected, says a person", f"{what}, person")


def _beside(
    image: U8Array, text: str, start: tuple[int, int], end: tuple[int, int], times: int
) -> tuple[int, int]:
    """Where a cell's word goes: above its box, or below where the frame ends; inside the frame."""
    width = _LETTER_PX * times * len(text)
    left = max(0, min(int(start[0]), image.shape[1] - width))
    above = int(start[1]) - 5 * times
    return left, above if above >= 12 * times else int(end[1]) + 16 * times


def _write(
    image: U8Array, text: str, at: tuple[int, int], colour: tuple[int, int, int], times: int
) -> None:
    # A rim of the same letters all around: thicker letters are wider and would stand beside.
    around = [(x * times, y * times) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    inks = [((255, 255, 255), step) for step in around] + [(colour, (0, 0))]
    for ink, (right, down) in inks:
        place = (at[0] + right, at[1] + down)
        cv2.putText(
            image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * times, ink, times, cv2.LINE_AA
        )


def cell_view(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    margin_fraction: float = 0.25,
) -> U8Array:
    """A cell with some context, (VIEW_PX, VIEW_PX, 3) uint8 RGB; beyond the field it is grey."""
    view = cell_square(image, left_px, top_px, width_px, height_px, margin_fraction)
    return np.asarray(cv2.resize(view, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def cell_square(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    margin_fraction: float = 0.25,
) -> U8Array:
    """The same in the field's own pixels, (S,S,3) uint8 RGB."""
    side = max(width_px, height_px)
    margin = round(side * margin_fraction)
    left = left_px - (side - width_px) // 2 - margin
    top = top_px - (side - height_px) // 2 - margin
    full = side + 2 * margin
    view = np.full((full, full, 3), _BEYOND_FIELD, np.uint8)
    seen = image[max(top, 0) : top + full, max(left, 0) : left + full]
    row, column = max(-top, 0), max(-left, 0)
    view[row : row + seen.shape[0], column : column + seen.shape[1]] = seen
    return view


def heat_view(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    cam: F32Array,
    margin_fraction: float = 0.25,
    *,
    of_novelty: bool = False,
) -> U8Array:
    """The same view with the class activation laid over: the warmer, the more it speaks for
    infection.

    Args:
        cam: (h,w) float32 in logit units, over the square that holds the cell's box.
        of_novelty: the map is the novelty network's, so warm is what healthy cells have not.
    """
    view = cell_view(image, left_px, top_px, width_px, height_px, margin_fraction)
    inner = round(VIEW_PX / (1 + 2 * margin_fraction))
    start = (VIEW_PX - inner) // 2
    heat = np.zeros((VIEW_PX, VIEW_PX), np.float32)
    full = _FULL_NOVELTY_HEAT_LOGITS if of_novelty else _FULL_HEAT_LOGITS
    scaled = np.clip(cam / full, 0, 1).astype(np.float32)
    heat[start : start + inner, start : start + inner] = cv2.resize(
        scaled, (inner, inner), interpolation=cv2.INTER_CUBIC
    )
    heat = np.clip(heat, 0, 1)
    bgr = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colour = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    # Faint evidence is left out, or the dark end of the palette would look like a stain.
    weight = (0.6 * np.clip((heat - 0.15) / 0.5, 0, 1))[:, :, None]
    return np.asarray(view * (1 - weight) + colour * weight + 0.5, np.uint8)
