"""What is asked of a kind of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.contract.types import U8Array


@dataclass(frozen=True, eq=False)
class Wanted:
    """How many pictures, how large, and made from what.

    Attributes:
        count: at most so many.
        height_px: of what is drawn or found; spoilt pictures keep their size.
        width_px: as height_px.
        seed: of all chance.
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        real: smear fields or crops of cells to spoil, each (H,W,3) uint8 RGB.
        cell_px: a cell's diameter in `real`.
    """

    count: int
    height_px: int
    width_px: int
    seed: int = 0
    data: Path | None = None
    real: Sequence[U8Array] = field(default_factory=tuple)
    cell_px: float = 96.0

    def rng(self) -> np.random.Generator:
        """A new generator of the seed."""
        return np.random.default_rng(self.seed)
