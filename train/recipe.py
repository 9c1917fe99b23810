"""Settings of a fit of labels, or of one on healthy cells: what its recipe holds, and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing
from train.augment import Augmentation
from train.augment_image import ImageAugmentation
from train.models import NOVELTY_MODELS
from train.recipe_file import read_recipe_file
from train.recipe_parts import FitSpec, ModelSpec, NoveltySpec, OperatingTargets, TeacherSpec
from train.splits import BY_PATIENT, check_kind

RECIPES_DIR = Path(__file__).parent / "recipes"
PATIENT_CONTEXT = "patient"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a fit, besides the data itself.

    `test_views` is how many flips and quarter turns of a crop are averaged when the held-out part
    is scored; a student on a device has one. `split` is "patients", or a name of
    `train.splits.RANDOM_SPLITS`, which leaks patients. `image_augmentation` takes the place of
    `augmentation`, which is for single cells on black. `held_out_sources` are collections of which
    every example is in the test part, to see what a figure owes to knowing the collection.
    `draws` are collections of which each epoch draws so many examples instead of all: as many of
    each class, or what `shares` says, a share of each class in the order of the labels, which add
    up to 1. `start_share` is how much of the weights that the fit started from is in those that are
    kept: a start that knew more than the fit shows forgets less (Wortsman 2022, arXiv:2109.01903).
    `novelty` makes it a fit on healthy cells. `context` is set by `train context`
    alone.
    """

    task: str
    dataset: str
    held_out_fold: int
    seed: int
    preprocessing: Preprocessing
    model: ModelSpec
    fit: FitSpec
    augmentation: Augmentation = field(default_factory=Augmentation)
    operating_targets: OperatingTargets = field(default_factory=OperatingTargets)
    test_views: int = 1
    split: str = BY_PATIENT
    image_augmentation: ImageAugmentation | None = None
    held_out_sources: tuple[str, ...] = ()
    teacher: TeacherSpec | None = None
    novelty: NoveltySpec | None = None
    draws: dict[str, int] = field(default_factory=dict)
    shares: dict[str, tuple[float, ...]] = field(default_factory=dict)
    start_share: float = 0.0
    context: str = ""

    def __post_init__(self) -> None:
        check_kind(self.split)
        self._check_novelty()
        if self.context not in ("", PATIENT_CONTEXT):
            raise ConfigError(f"context is {self.context!r}; known: {PATIENT_CONTEXT!r}, or none")
        if few := {name: n for name, n in self.draws.items() if n < 2}:
            raise ConfigError(f"draws has {few}; at least 2 examples an epoch")
        self._check_shares()
        if not 0 <= self.start_share < 1:
            raise ConfigError(f"start_share is {self.start_share}; 0 to below 1")

    def _check_shares(self) -> None:
        for name, shares in self.shares.items():
            if name not in self.draws:
                raise ConfigError(f"shares has {name!r}, which draws lacks: {sorted(self.draws)}")
            if min(shares, default=0) <= 0 or abs(sum(shares) - 1) > 1e-6:
                raise ConfigError(
                    f"shares.{name} is {list(shares)}; all above 0, and 1 taken together"
                )

    def _check_novelty(self) -> None:
        if self.novelty is not None and self.teacher is not None:
            raise ConfigError("a fit on healthy cells takes no teacher; leave [teacher] out")
        if (self.novelty is not None) != (self.model.name in NOVELTY_MODELS):
            raise ConfigError(
                f"model.name is {self.model.name!r}; a recipe with [novelty] takes one of "
                f"{', '.join(NOVELTY_MODELS)}, and one without it another"
            )


def load_recipe(name_or_path: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe by the name of a shipped one, or by path.

    Args:
        overrides: values by dotted key, `fit.epochs`; None leaves the recipe's.

    Raises:
        ConfigError: no such recipe, not TOML, an unknown key or a wrong type.
    """
    return read_recipe_file(Recipe, name_or_path, RECIPES_DIR, overrides)
