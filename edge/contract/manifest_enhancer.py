"""The manifest's section on an enhancer: a network that makes pictures twice as large.

It invents pixels, so it calls nothing: a bundle has an enhancer or labels, never both.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import ManifestError
from edge.contract.manifest_parts import Weights
from edge.contract.preprocess import Preprocessing

ENLARGEMENT = 2
# What a network's only output is: the picture, or what OpenCV's bicubic enlargement lacks of it.
ENLARGED, RESIDUAL = "enlarged", "residual"
# Smaller tiles are all margin; a chunk of larger ones takes more memory than a small device has.
TILE_PX = range(8, 513)


@dataclass(frozen=True)
class EnhancerRuntimeParity:
    """One runtime on one weights file beside the float parent, on the same pictures.

    Attributes:
        runtime: its name in `edge.runtimes.base.RUNTIMES`.
        format: of the weights that it ran.
        psnr_db: against the true pictures.
        max_abs_difference: from the float parent, in grey levels, over all pixels.
    """

    runtime: str
    format: str
    psnr_db: float
    max_abs_difference: float


@dataclass(frozen=True)
class EnhancerParity:
    """Agreement of the INT8 enhancer with its float parent, both against the true pictures.

    Attributes:
        psnr_bicubic_db: what enlarging without any network reaches.
        runtimes: each runtime apart.
    """

    n_images: int
    psnr_float_db: float
    psnr_int8_db: float
    psnr_bicubic_db: float
    runtimes: tuple[EnhancerRuntimeParity, ...]


@dataclass(frozen=True)
class Enhancer:
    """How pictures go through the network, and how well it keeps to its float parent.

    Attributes:
        factor: output side over input side; always 2.
        tile_px: side of the square that the network takes.
        margin_px: at each side of a tile, what is thrown away of its answer because the network
            could not see beyond; tiles overlap by it.
    """

    factor: int
    tile_px: int
    margin_px: int
    parity: EnhancerParity

    def __post_init__(self) -> None:
        if self.factor != ENLARGEMENT:
            raise ManifestError(f"enhancer.factor is {self.factor}; only {ENLARGEMENT} is known")
        if self.tile_px not in TILE_PX:
            raise ManifestError(
                f"enhancer.tile_px is {self.tile_px}; allowed: {TILE_PX[0]} to {TILE_PX[-1]}"
            )
        if not 0 <= 2 * self.margin_px < self.tile_px:
            raise ManifestError(
                f"enhancer.margin_px is {self.margin_px}; 0 to less than half of tile_px, "
                f"{self.tile_px}, or nothing of a tile is left"
            )

    def check_weights(self, weights: Weights) -> None:
        """Raises ManifestError where a network is no enhancer of this size."""
        if weights.role != "enhancer":
            raise ManifestError(
                f"weights {weights.file} are of role {weights.role!r}; a bundle has an enhancer or "
                "labels, never both"
            )
        side = self.tile_px
        for tensors, names, expected in (
            (weights.inputs, ("image",), (-1, side, side, 3)),
            (weights.outputs, (ENLARGED, RESIDUAL), (-1, 2 * side, 2 * side, 3)),
        ):
            found = [(tensor.name, tensor.shape) for tensor in tensors]
            if found not in [[(name, expected)] for name in names]:
                raise ManifestError(
                    f"weights {weights.file} have tensors {found}; tile_px {side} needs "
                    f"{' or '.join(map(repr, names))} of {expected} alone"
                )

    def check_preprocessing(self, spec: Preprocessing) -> None:
        """Raises ManifestError where pixels are not to be taken as they are."""
        expected = Preprocessing(self.tile_px, mask="none", padding="none")
        if spec != expected:
            raise ManifestError(f"preprocessing of an enhancer is {spec}; it must be {expected}")
