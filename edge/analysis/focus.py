"""How sharp a field's edges are, in units that hold for any stain, camera and magnification.

The limit of a readable field was chosen on iml-fields, folds 0 to 3, whose cells are 80 px wide,
under Gaussian blur: how well infected cells are told from others (AUC of malaria-cells-3, which
knew folds 1 to 4 sharp; cells by `find_cells`), how many boxes are found, and how many fields a
limit of 7 refuses. Fold 4 was looked at afterwards.

    sigma px | AUC  found refused | fold 4: AUC  found refused
           0 | .997  .937     0 % |         .998  .937     0 %
           2 | .992  .927     0 % |         .997  .932     0 %
           3 | .972  .917     0 % |         .983  .925     6 %
           4 | .912  .899    28 % |         .946  .913    44 %
           5 | .833  .891    70 % |         .859  .900    82 %
           6 | .767  .870    92 % |         .753  .884    97 %
           8 | .677  .804    96 % |         .538  .809   100 %
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.analysis.cell_size import typical_diameter
from edge.analysis.thinned import Thinned
from edge.contract.types import U8Array

# Of the pixels at half height, so many belong to cells and the rest to stained plasma.
_EDGE_PERCENTILE = 92
_EDGE_RANGE = (0.35, 0.65)
# Where cells are outlined: low, since the rims of pale cells are thin, and high, since blurred ones
# are joined further down.
_LOW_SHARE, _HIGH_SHARE = 0.4, 0.6
_GAPS = np.ones((3, 3), np.uint8)
# Of a red cell in a frame thinned out to 640 px, under the usual 100x objective.
_USUAL_DIAMETER_PX = 35.0
# Wider than most, so that it may be several.
_LARGE_PX = 40.0
# So many px at half height, in one row of three, tell the percentile well enough.
_ENOUGH_EDGE_PX, _EDGE_ROWS = 4000, 3


def focus_of(thinned: Thinned, diameter_px: float) -> float:
    """Slope of the cells' edges times the width that they may have; larger is sharper.

    What counts is how wide an edge is beside its cell: large cells of a strong magnification are
    softer in px and show as much. Cells smaller than usual are judged half-way between cells and
    px, as no lens is sharper than its sensor. 0 where there is no cell.

    Args:
        diameter_px: of a red cell, px of `thinned.stain`.
    """
    scale = max(diameter_px, float(np.sqrt(diameter_px * _USUAL_DIAMETER_PX)))
    return edge_slope(thinned.stain, thinned.glass, thinned.cell) * scale


def cell_diameter(thinned: Thinned) -> float:
    """Of a red cell, px of `thinned.stain`; 0 where there is none.

    Blur joins cells to large ones, which must not excuse it; high up on their slopes they part.
    """
    if thinned.contrast <= 0:
        return 0.0
    low = 2.0 * typical_diameter(_outlines(thinned.half, thinned, _LOW_SHARE))
    if low > _LARGE_PX:
        high = 2.0 * typical_diameter(_outlines(thinned.half, thinned, _HIGH_SHARE))
        return min(low, max(high, _LARGE_PX))
    # Cells of a weak objective are lost at the smaller size.
    return low or typical_diameter(_outlines(thinned.stain, thinned, _LOW_SHARE))


def _outlines(stain: U8Array, thinned: Thinned, share: float) -> U8Array:
    """Cells with the gaps in their rims closed, (H,W) uint8 0 or 255."""
    _, mask = cv2.threshold(stain, thinned.level(share), 255, cv2.THRESH_BINARY)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _GAPS), np.uint8)


def edge_slope(stain: U8Array, glass: int, cell: int) -> float:
    """Sharpness: the slope of the stain where it crosses from glass to cell, per px, over contrast.

    An edge blurred by a Gaussian of sigma s px has the slope 1 / (s * sqrt(2 pi)) at its middle,
    whatever the stain and the number of cells; s counts px of the thinned-out frame.

    Args:
        stain: (H,W) uint8 from `stain_map`.
        glass: its typical value on glass.
        cell: its typical value on a cell.
    """
    contrast = cell - glass
    if contrast <= 0:
        return 0.0
    low, high = (glass + share * contrast for share in _EDGE_RANGE)
    mask = np.asarray(cv2.inRange(np.ascontiguousarray(stain[::_EDGE_ROWS]), low, high))
    at = np.flatnonzero(mask.view(bool))
    if at.size == 0:
        return 0.0
    rows, columns = np.divmod(at[:: max(1, at.size // _ENOUGH_EDGE_PX)], stain.shape[1])
    places = rows * _EDGE_ROWS, columns
    across = cv2.Sobel(stain, cv2.CV_16S, 1, 0, ksize=3)[places].astype(np.float32)
    down = cv2.Sobel(stain, cv2.CV_16S, 0, 1, ksize=3)[places].astype(np.float32)
    # A Sobel kernel of side 3 gives eight times the slope per px.
    slope = np.percentile(np.hypot(across, down), _EDGE_PERCENTILE) / 8.0
    return float(slope / contrast)


def coarse_share(half: U8Array) -> float:
    """Share of the contrast that is left at a quarter of the size; 1 for cells, 1/4 for noise.

    Args:
        half: (H,W) uint8, the stain.
    """
    rows, cols = max(1, half.shape[0] // 4), max(1, half.shape[1] // 4)
    coarse = cv2.resize(half, (cols, rows), interpolation=cv2.INTER_AREA)
    (_, fine), (_, left) = cv2.meanStdDev(half), cv2.meanStdDev(coarse)
    return float(left[0, 0] / fine[0, 0]) if fine[0, 0] > 0 else 0.0
