"""What a simulated smear looks like: its settings, checked. Draws nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.contract.errors import ConfigError

# Mean diameter of a human red cell on a dried film, um (Diez-Silva et al., MRS Bull 2010;35:382).
RED_CELL_UM = 7.5
# Randomly dropped discs jam at 54.7 % cover (Feder, J Theor Biol 1980;87:237); beyond this share
# of the field most cells would lie on one another, which no reader counts.
MAX_COVER_FRACTION = 0.5

_RANGES: dict[str, tuple[float, float]] = {
    "width_px": (64, 8192),
    "height_px": (64, 8192),
    "um_per_px": (0.02, 0.5),
    "cells_per_field": (0, 20_000),
    "parasitaemia_fraction": (0, 1),
    "ring_share": (0, 1),
    "trophozoite_share": (0, 1),
    "schizont_share": (0, 1),
    "gametocyte_share": (0, 1),
    "wbc_per_1000_rbc": (0, 100),
    "platelets_per_field": (0, 1000),
    "debris_per_field": (0, 1000),
    "debris_on_cells_fraction": (0, 1),
    "touching_fraction": (0, 1),
    "overlapping_fraction": (0, 1),
    "defocus_px": (0, 20),
    "noise": (0, 50),
    "vignetting_fraction": (0, 0.9),
    "stain_cast": (0, 1),
    "exposure_ms": (0.01, 10_000),
}


@dataclass(frozen=True)
class SmearSettings:
    """One simulated slide under one simulated microscope.

    Attributes:
        width_px: width of a field.
        height_px: height of a field.
        um_per_px: micrometres a pixel; at 0.12 a red cell is about 62 px across.
        cells_per_field: mean number of red cells, those cut by the border included.
        parasitaemia_fraction: chance that a red cell is parasitised, 0 to 1.
        ring_share: weight of this stage among the parasitised. Peripheral P. falciparum is mostly
            rings; the older stages are drawn often enough to be seen.
        trophozoite_share: as above; the four weights need not add up to 1.
        schizont_share: as above.
        gametocyte_share: as above.
        wbc_per_1000_rbc: mean number of white cells.
        platelets_per_field: mean number.
        debris_per_field: mean number of stain specks.
        debris_on_cells_fraction: share of the specks that lie on top of red cells.
        touching_fraction: share of red cells laid against an earlier one.
        overlapping_fraction: share of red cells laid partly over an earlier one.
        defocus_px: mean sigma of the lens's blur.
        noise: sigma of the sensor's noise, in grey levels of 255.
        vignetting_fraction: loss of light in the corners.
        stain_cast: 0 for the same textbook stain on every slide, 1 for the full range of casts.
        exposure_ms: what the camera reports.

    Raises:
        ConfigError: a value out of range, or more cells than the field can hold.
    """

    width_px: int = 1280
    height_px: int = 960
    um_per_px: float = 0.12
    cells_per_field: float = 140
    parasitaemia_fraction: float = 0.04
    ring_share: float = 0.62
    trophozoite_share: float = 0.20
    schizont_share: float = 0.08
    gametocyte_share: float = 0.10
    wbc_per_1000_rbc: float = 1.4
    platelets_per_field: float = 4
    debris_per_field: float = 5
    debris_on_cells_fraction: float = 0.05
    touching_fraction: float = 0.14
    overlapping_fraction: float = 0.06
    defocus_px: float = 0.8
    noise: float = 1.8
    vignetting_fraction: float = 0.12
    stain_cast: float = 1.0
    exposure_ms: float = 12.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            _check_range(name, getattr(self, name), low, high)
        for name in ("width_px", "height_px"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; give a whole number")
        self._check_together()

    def _check_together(self) -> None:
        attached = self.touching_fraction + self.overlapping_fraction
        if attached > 1:
            raise ConfigError(
                f"touching_fraction + overlapping_fraction is {attached:g}; lower them to 1 or less"
            )
        if sum(self.stage_shares) == 0:
            raise ConfigError("all four stage shares are 0; give at least one of them more")
        most = self.most_cells
        if self.cells_per_field > most:
            raise ConfigError(
                f"cells_per_field is {self.cells_per_field:g}, but {self.width_px} x "
                f"{self.height_px} px at {self.um_per_px:g} um_per_px holds {most}; ask for fewer"
            )

    @property
    def stage_shares(self) -> tuple[float, ...]:
        """The stages' weights, in the order of `labels.STAGES`."""
        return (
            self.ring_share,
            self.trophozoite_share,
            self.schizont_share,
            self.gametocyte_share,
        )

    @property
    def most_cells(self) -> int:
        """How many red cells a field of this size can hold."""
        field_um2 = self.width_px * self.height_px * self.um_per_px**2
        return int(MAX_COVER_FRACTION * field_um2 / (math.pi * RED_CELL_UM**2 / 4))


def _check_range(name: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise ConfigError(f"{name} is {value!r}; give a number from {low:g} to {high:g}")
