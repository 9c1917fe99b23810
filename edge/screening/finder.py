"""The learned finder on a runtime: a field to the objects in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.cell_size import RBC_DIAMETER_UM, field_diameter
from edge.analysis.found_cells import objects_of
from edge.contract.bundle import Bundle
from edge.contract.cell_grid import GridCells, GridSettings, read_grid
from edge.contract.errors import BundleError
from edge.contract.manifest import Finder, Manifest
from edge.contract.types import CellBox, Frame, U8Array
from edge.runtimes.base import Runtime
from edge.selftest import SelfTest, self_test

# Sides of the network's input are multiples of it, whatever the stride of its grid.
_SIDE_STEP_PX = 4
_LEAST_SIDE_PX, _MOST_SIDE_PX = 32, 2048
# With cells of another size than expected the field is looked at again, once, at theirs.
_SIZE_OFF = 1.25
_ENOUGH_CELLS = 5


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
    """A finder's network, its answers read as `grid` says. `LearnedFinder` is a bundle's."""

    runtime: Runtime
    grid: GridSettings

    def find(self, frame: Frame) -> tuple[CellBox, ...]:
        """The objects of a field, as `edge.analysis.cells.find_cells` gives them."""
        seen = self.look(frame)
        return objects_of(seen.image, seen.cells, frame.image.shape[:2]) if seen else ()

    def look(self, frame: Frame) -> Seen | None:
        """Finds the cells at the size at which they are as wide as the network expects.

        The frame's scale is taken where it is known; else it is measured on the field, and again on
        the cells found. None where nothing is stained.
        """
        width_px = RBC_DIAMETER_UM / frame.um_per_px if frame.um_per_px else None
        width_px = width_px or field_diameter(frame.image)
        if width_px is None:
            return None
        seen = self._look_at(frame.image, self.grid.cell_px / width_px)
        found = seen.cells.diameter_px()
        if found is None or len(seen.cells.boxes) < _ENOUGH_CELLS:
            return seen
        off = self.grid.cell_px / found
        if 1 / _SIZE_OFF < off < _SIZE_OFF:
            return seen
        return self._look_at(frame.image, self.grid.cell_px / width_px * off)

    def _look_at(self, frame: U8Array, scale: float) -> Seen:
        height, width = frame.shape[:2]
        scale = min(scale, _MOST_SIDE_PX / max(height, width))
        size = tuple(
            max(_LEAST_SIDE_PX, round(side * scale / _SIDE_STEP_PX) * _SIDE_STEP_PX)
            for side in (width, height)
        )
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(frame, size, interpolation=how), np.uint8)
        return Seen(image, read_grid(self.runtime.grid(image), self.grid))


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

    @property
    def network(self) -> FinderNetwork:
        """The network as its manifest reads it."""
        return FinderNetwork(self.runtime, finder_of(self.bundle.manifest).grid)

    def self_test(self) -> SelfTest:
        """Replays its golden tensors. Raises GoldenMismatchError."""
        return self_test(self.bundle, self.runtime, finder_of(self.bundle.manifest).golden)
