"""The manifest's section on a learned finder, and what it asks of the weights."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.cell_grid import CHANNELS, GridSettings
from edge.contract.errors import ManifestError
from edge.contract.manifest_parts import Golden, RepresentativeSet, Weights

# Name of its one output.
GRID = "grid"


@dataclass(frozen=True)
class FinderRuntimeParity:
    """Agreement of one runtime on one weights file with the float parent, on the same fields.

    Attributes:
        cells_agree_fraction: cells found by both, over the mean of what each found.
    """

    runtime: str
    format: str
    cells_agree_fraction: float


@dataclass(frozen=True)
class FinderParity:
    """Agreement of the INT8 finder with its float parent on held-out fields.

    Attributes:
        recall_float: share of the labelled cells that are found, at an overlap of .5; so is
            `recall_int8`.
        precision_float: share of what is found that is labelled; so is `precision_int8`.
    """

    n_fields: int
    n_cells: int
    recall_float: float
    recall_int8: float
    precision_float: float
    precision_int8: float
    runtimes: tuple[FinderRuntimeParity, ...]


@dataclass(frozen=True)
class Finder:
    """How a learned finder is used.

    Attributes:
        grid: how its answer becomes boxes.
        golden: a drawn field and the grid it gives.
        representative_set: fields that set its quantisation ranges.
        fitted_on: data set and part, in words.
    """

    grid: GridSettings
    fitted_on: str
    golden: Golden
    representative_set: RepresentativeSet
    parity: FinderParity

    def __post_init__(self) -> None:
        if self.golden.outputs.keys() != {GRID}:
            raise ManifestError(
                f"finder.golden has outputs {sorted(self.golden.outputs)}; a finder has {GRID!r} "
                "alone"
            )

    def check_weights(self, weights: Weights) -> None:
        """Raises ManifestError where a file's tensors are not an image of any size and a grid."""
        image = weights.inputs[0].shape if weights.inputs else ()
        grid = weights.output(GRID).shape
        if image[1:] != (-1, -1, 3) or grid[1:] != (-1, -1, CHANNELS):
            raise ManifestError(
                f"weights {weights.file} make {grid} of {image}; a finder makes (1, -1, -1, "
                f"{CHANNELS}) of (1, -1, -1, 3)"
            )
