"""Settings of a fit of an enhancer: TOML into frozen dataclasses, unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError
from train.recipe_file import read_recipe_file
from train.recipe_parts import FitSpec
from train.step_loop import check_fit
from train.superres.degrade import DegradeSpec

RECIPES_DIR = Path(__file__).parent / "recipes"
LOSSLESS, NEAR_LOSSLESS = "nih-cells-lossless", "nih-cells"
LOSSES = ("l1", "l2", "psnr")


@dataclass(frozen=True)
class EnhancerSpec:
    """Which network, and how large; see the network's own docstring for what it reads.

    Attributes:
        name: a key of `train.models.superres.ENHANCERS`.
        width: channels.
        blocks: in a group, or in a row where there are no groups.
        groups: of blocks.
        reduction: of RCAN's channel attention.
        shrunk: channels of FSRCNN's mapping layers.
        hidden: channels inside a convolution while it is fitted; of `plain_superres`.
        window_px: of SwinIR's attention.
        heads: of SwinIR's attention.
    """

    name: str
    width: int = 16
    blocks: int = 1
    groups: int = 1
    reduction: int = 8
    shrunk: int = 8
    hidden: int = 64
    window_px: int = 8
    heads: int = 2

    def __post_init__(self) -> None:
        for name in ("width", "groups", "reduction", "shrunk", "hidden", "window_px", "heads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; at least 1")
        if self.blocks < 0:
            raise ConfigError(f"model.blocks is {self.blocks}; at least 0")


@dataclass(frozen=True)
class EnhancerRecipe:
    """Everything that decides a fit, besides the data itself.

    Attributes:
        held_out_fold: of the folds of nih-cells; its patients are seen by no fit.
        patch_px: side of the low-resolution patches.
        steps: of an epoch.
        lossless_share: of the cells' patches, from nih-cells-lossless, whose pixels are exact.
        fields: data sets whose whole fields are fitted on, too: there cells lie on glass, not on
            black.
        fields_share: of the patches that come from them.
        shrink: factors, drawn from evenly, by which a picture is shrunk before it is halved, since
            photographs that are finer than their lens hold no fine detail to learn from.
        cells_per_patient: of nih-cells, at most; drawn once.
        high_px: side that each cell is brought to before it is halved; 0 keeps its own.
        label: index of the only class that is fitted on, to show what a leak does; -1 is both.
        parts: of the split that are fitted on; "test" among them shows what a leak does.
        loss: "l1", mean absolute error as the sources have it; "l2", mean squared error; or "psnr",
            the mean logarithm of each patch's: with "l2" the few at a black edge outweigh all.
        clip_norm: what the gradients' norm is cut to; 0 leaves them. With "psnr" a patch that is
            all but right has steep ones.
    """

    held_out_fold: int
    seed: int
    model: EnhancerSpec
    fit: FitSpec
    task: str = "malaria-superres"
    degrade: DegradeSpec = field(default_factory=DegradeSpec)
    patch_px: int = 32
    steps: int = 500
    lossless_share: float = 0.5
    fields: tuple[str, ...] = ()
    fields_share: float = 0.0
    shrink: tuple[float, float] = (1.0, 1.0)
    cells_per_patient: int = 60
    high_px: int = 0
    label: int = -1
    parts: tuple[str, ...] = ("train",)
    loss: str = "l1"
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        if self.patch_px < 8 or self.patch_px % 8:
            raise ConfigError(f"patch_px is {self.patch_px}; a multiple of 8")
        if self.steps < 1 or self.cells_per_patient < 1:
            raise ConfigError(
                f"steps is {self.steps}, cells_per_patient {self.cells_per_patient}; at least 1"
            )
        for name in ("lossless_share", "fields_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; 0 to 1")
        if bool(self.fields) != (self.fields_share > 0):
            raise ConfigError(
                f"fields is {list(self.fields)} and fields_share {self.fields_share}; both or none"
            )
        if not 0 < self.shrink[0] <= self.shrink[1] <= 1:
            raise ConfigError(f"shrink is {self.shrink}; above 0 to 1, low to high")
        if self.high_px < 0 or self.high_px % 2:
            raise ConfigError(f"high_px is {self.high_px}; an even side, or 0 for each cell's own")
        if unknown := set(self.parts) - {"train", "validation", "test"} or not self.parts:
            raise ConfigError(f"parts has {unknown}; known: train, validation, test")
        if self.clip_norm < 0:
            raise ConfigError(f"clip_norm is {self.clip_norm}; 0 or above")
        if self.loss not in LOSSES:
            raise ConfigError(f"loss is {self.loss!r}; known: {', '.join(LOSSES)}")
        check_fit(self.fit)


def load_enhancer_recipe(
    name_or_path: str, overrides: Mapping[str, Any] | None = None
) -> EnhancerRecipe:
    """A recipe by the name of a shipped one, or by path.

    Args:
        overrides: values by dotted key, `fit.epochs`; None leaves the recipe's.

    Raises:
        ConfigError: no such recipe, not TOML, an unknown key or a wrong type.
    """
    return read_recipe_file(EnhancerRecipe, name_or_path, RECIPES_DIR, overrides)
