"""Settings of a fit of a finder: TOML into frozen dataclasses, unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.cell_grid import SIDE_STEP_PX, GridSettings
from edge.contract.errors import ConfigError
from train.models.cell_finder import STRIDE_PX
from train.models.start_weights import RUN_PREFIX
from train.recipe_file import read_recipe_file
from train.recipe_parts import FitSpec
from train.step_loop import check_fit

RECIPES_DIR = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class FinderSpec:
    """How large the network is; see `train.models.cell_finder`.

    Attributes:
        stem: channels of the first convolution.
        width: channels of the others.
        dilations: of the 3x3 convolutions at a quarter of the size, one after another.
        weights: "" (random), or "run:NAME" (the run of that name with the same fold held out).
    """

    stem: int = 16
    width: int = 32
    dilations: tuple[int, ...] = (1, 2, 1, 2)
    weights: str = ""

    def __post_init__(self) -> None:
        if self.weights and not self.weights.startswith(RUN_PREFIX):
            raise ConfigError(f"model.weights is {self.weights!r}; {RUN_PREFIX}NAME, or none")
        most = SIDE_STEP_PX // STRIDE_PX
        if max(self.dilations, default=1) > most:
            raise ConfigError(f"model.dilations is {self.dilations}; at most {most} each")
        if min(self.stem, self.width, *self.dilations, len(self.dilations)) < 1:
            raise ConfigError(f"model is {self}; at least 1 each, and one dilation")


@dataclass(frozen=True)
class ViewSpec:
    """How differently a field is shown; each range is drawn from evenly.

    Attributes:
        size: factors of a cell's size.
        density: factors of the stain's optical density; each channel has one of its own besides.
        light: factors of the brightness.
        tint: greatest change of one channel's brightness.
        mix: standard deviation of what the channels take from one another.
        grey: share of views without colour.
        blur_px: greatest sigma.
        noise: greatest standard deviation, of 1 for white.
    """

    size: tuple[float, float] = (0.65, 1.5)
    density: tuple[float, float] = (0.6, 1.5)
    light: tuple[float, float] = (0.75, 1.15)
    tint: float = 0.1
    mix: float = 0.12
    grey: float = 0.15
    blur_px: float = 1.2
    noise: float = 0.04

    def __post_init__(self) -> None:
        for name in ("size", "density", "light"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ConfigError(f"views.{name} is {low} to {high}; above 0, low to high")
        for name in ("tint", "mix", "grey", "blur_px", "noise"):
            if getattr(self, name) < 0:
                raise ConfigError(f"views.{name} is {getattr(self, name)}; 0 or above")


@dataclass(frozen=True)
class FinderRecipe:
    """Everything that decides a fit, besides the data itself.

    Attributes:
        held_out_fold: of the folds of iml-cells; its blocks are seen by no fit.
        grid: how the network's answer is read; it decides what the network is fitted to say.
        infected_weight: of an infected cell in the loss, beside 1 of a healthy one.
    """

    held_out_fold: int
    seed: int
    fit: FitSpec
    grid: GridSettings
    model: FinderSpec = field(default_factory=FinderSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    infected_weight: float = 1.0

    def __post_init__(self) -> None:
        check_fit(self.fit)
        if self.infected_weight <= 0:
            raise ConfigError(f"infected_weight is {self.infected_weight}; above 0")


def load_finder_recipe(
    name_or_path: str, overrides: Mapping[str, Any] | None = None
) -> FinderRecipe:
    """A recipe by the name of a shipped one, or by path.

    Args:
        overrides: values by dotted key, `fit.epochs`; None leaves the recipe's.

    Raises:
        ConfigError: no such recipe, not TOML, an unknown key or a wrong type.
    """
    return read_recipe_file(FinderRecipe, name_or_path, RECIPES_DIR, overrides)
