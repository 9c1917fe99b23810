"""The learned finder on a runtime: a field to the objects in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from edge.analysis.cell_size import RBC_DIAMETER_UM, field_diameter
from edge.analysis.found_cells import objects_of
from edge.analysis.quality import CROWDED
from edge.contract.bundle import Bundle
from edge.contract.cell_grid import SIDE_STEP_PX, GridCells, GridSettings, read_grid
from edge.contract.errors import BundleError
from edge.contract.manifest import Finder, Manifest
from edge.contract.types import BoolArray, CellBox, Frame, U8Array
from edge.runtimes.base import Runtime
from edge.selftest import SelfTest, self_test

_LEAST_SIDE_PX, _MOST_SIDE_PX = 32, 2048
# Width of a labelled box over that of the cell in it; the network's boxes leave the same room.
_ROOM = 1.15
# The same over a cell with its halo, as `field_diameter` measures it; rather too little than too
# much, since a cell shown too large is missed less often than one shown too small.
_ROOM_BEYOND_HALO = 0.95
# With cells of another size than expected the field is looked at again, once, at theirs.
_SIZE_OFF = 1.2
_ENOUGH_CELLS = 5
# Certainty of a cell that stands alone or only touches others; overlap of two boxes (intersection
# over union) from which on their cells lie on one another; and the share of a field's cells that
# may be both unsure and overlapped. Of iml-fields 2 % of the fields have more; there few cells are
# labelled, too.
_SURE, _OVERLAPPED, _MOST_CROWDED = 0.6, 0.1, 0.33
# Fields whose cells' width is remembered, how many tell enough, cells of a field that count, and
# how far the middle three fifths of the widths may lie apart.
_REMEMBERED, _FEW_FIELDS, _MANY_CELLS, _AGREEING = 21, 5, 20, 0.1


def crowding(boxes: Sequence[CellBox]) -> str:
    """Why a field's cells cannot be counted, empty where they can: too many lie on one another.

    There the finder is unsure of them, and a microscopist leaves such fields out, too.
    """
    whole = [box for box in boxes if box.kind == "rbc" and not box.at_border]
    if len(whole) < _MANY_CELLS:
        return ""
    unsure = np.array([box.certainty < _SURE for box in whole])
    # In most fields this settles it, before all pairs of boxes are looked at.
    if unsure.mean() <= _MOST_CROWDED:
        return ""
    return CROWDED if (unsure & _overlapped(whole)).mean() > _MOST_CROWDED else ""


def _overlapped(boxes: Sequence[CellBox]) -> BoolArray:
    """(N,) whether another box overlaps each."""
    sides = np.array([(b.left_px, b.top_px, b.width_px, b.height_px) for b in boxes])
    start, end = sides[:, :2], sides[:, :2] + sides[:, 2:]
    shared = np.minimum(end[:, None], end[None]) - np.maximum(start[:, None], start[None])
    shared = np.clip(shared, 0, None).prod(axis=2)
    np.fill_diagonal(shared, 0)
    areas = sides[:, 2:].prod(axis=1)
    joined = areas[:, None] + areas[None] - shared
    return np.asarray((shared > _OVERLAPPED * joined).any(axis=1))


def finder_of(manifest: Manifest) -> Finder:
    """The manifest's section on the finder. Raises BundleError where there is none."""
    if manifest.finder is None:
        raise BundleError(f"bundle {manifest.bundle_id} has no finder")
    return manifest.finder


@dataclass(frozen=True, eq=False)
class Seen:
    """A field as the network saw it, (h,w,3) uint8 RGB, and the cells it found there."""

    image: U8Array
    cells: GridCells


@dataclass(frozen=True, eq=False)
class FinderNetwork:
    """A finder's network, its answers read as `grid` says. `LearnedFinder` is a bundle's.

    The lens does not change from field to field: how wide cells were in the last fields tells more
    than one field does, so they are remembered, and forgotten once cells of another size are seen.
    """

    runtime: Runtime
    grid: GridSettings
    _widths_px: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def forget(self) -> None:
        """Forgets how wide cells were: what comes next may be of another lens."""
        self._widths_px.clear()

    def find(self, frame: Frame) -> tuple[CellBox, ...]:
        """The objects of a field, as `edge.analysis.cells.find_cells` gives them."""
        seen = self.look(frame)
        return objects_of(seen.image, seen.cells, frame.image.shape[:2]) if seen else ()

    def look(self, frame: Frame) -> Seen | None:
        """Finds the cells at the size at which they are as wide as the network expects.

        The frame's scale is taken where it is known; else that of the last fields, or it is
        measured on this one, and again on the cells found. None where nothing is stained.
        """
        seen = None
        for width_px in self._guesses(frame):
            seen = self._look_at(frame.image, self.grid.cell_px / width_px)
            if len(seen.cells.boxes) >= _ENOUGH_CELLS:
                return self._at_their_size(frame, seen, width_px)
        return seen

    def _guesses(self, frame: Frame) -> Iterator[float]:
        """Widths of a box, px of the frame, the likeliest first."""
        if frame.um_per_px:
            yield _ROOM * RBC_DIAMETER_UM / frame.um_per_px
        elif remembered := self._remembered():
            yield remembered
        if found := field_diameter(frame.image):
            yield _ROOM_BEYOND_HALO * found

    def _remembered(self) -> float | None:
        """The width of the last fields; None of too few, or of fields that do not agree."""
        # Taken once: another thread may be reading a field.
        widths = np.array(tuple(self._widths_px))
        if len(widths) < _FEW_FIELDS:
            return None
        low, middle, high = np.percentile(widths, [20, 50, 80])
        return float(middle) if high - low < _AGREEING * middle else None

    def _at_their_size(self, frame: Frame, seen: Seen, shown_px: float) -> Seen:
        """The same, or looked at again where the cells are of another size than was thought."""
        off = (seen.cells.diameter_px() or 0.0) / self.grid.cell_px
        if not 1 / _SIZE_OFF < off < _SIZE_OFF:
            self._widths_px.clear()
            return self._look_at(frame.image, self.grid.cell_px / (shown_px * off))
        if len(seen.cells.boxes) >= _MANY_CELLS:
            self._widths_px.append(shown_px * off)
        return seen

    def _look_at(self, frame: U8Array, scale: float) -> Seen:
        height, width = frame.shape[:2]
        scale = min(scale, _MOST_SIDE_PX / max(height, width))
        size = tuple(
            max(_LEAST_SIDE_PX, round(side * scale / SIDE_STEP_PX) * SIDE_STEP_PX)
            for side in (width, height)
        )
        image = np.asarray(cv2.resize(_halved(frame, scale), size), np.uint8)
        return Seen(image, read_grid(self.runtime.grid(image), self.grid))


def _halved(frame: U8Array, scale: float) -> U8Array:
    """The frame halved as often as the scale allows: means over 2 x 2 pixels take a fifth of the
    time of other means, and training fields were halved, too.
    """
    while scale <= 0.5 and min(frame.shape[:2]) >= 2:
        height, width = (side // 2 for side in frame.shape[:2])
        whole = frame[: 2 * height, : 2 * width]
        frame = np.asarray(
            cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        scale *= 2
    return frame


@dataclass(frozen=True, eq=False)
class LearnedFinder:
    """A bundle's finder, proven by its golden tensors.

    Raises:
        BundleError: the bundle has none.
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime

    def __post_init__(self) -> None:
        self.self_test()

    @cached_property
    def network(self) -> FinderNetwork:
        """The network as its manifest reads it; one, since it remembers how wide cells are."""
        return FinderNetwork(self.runtime, finder_of(self.bundle.manifest).grid)

    def self_test(self) -> SelfTest:
        """Replays its golden tensors. Raises GoldenMismatchError."""
        return self_test(self.bundle, self.runtime, finder_of(self.bundle.manifest).golden)
