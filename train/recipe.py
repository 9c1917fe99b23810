"""Training settings: TOML into frozen dataclasses, unknown keys refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain
from train.augment import Augmentation

RECIPES_DIR = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class ModelSpec:
    """Which network, and its size."""

    name: str
    widths: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.strides):
            raise ConfigError(
                f"model has {len(self.widths)} widths but {len(self.strides)} strides"
            )


@dataclass(frozen=True)
class FitSpec:
    """How it is fitted: AdamW with a linear warm-up and a cosine to zero."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float = 1.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(f"epochs is {self.epochs}, batch_size {self.batch_size}; at least 1")


@dataclass(frozen=True)
class OperatingTargets:
    """Sensitivity per cell to aim at: for single crops, and for the cells of a field."""

    crop_sensitivity: float = 0.95
    field_sensitivity: float = 0.85


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a fit, besides the data itself."""

    task: str
    dataset: str
    held_out_fold: int
    seed: int
    preprocessing: Preprocessing
    model: ModelSpec
    fit: FitSpec
    augmentation: Augmentation = field(default_factory=Augmentation)
    operating_targets: OperatingTargets = field(default_factory=OperatingTargets)


def load_recipe(name_or_path: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe by the name of a shipped one, or by path.

    Args:
        overrides: values for keys of `[fit]` or the top level, as the command line gives them.

    Raises:
        ConfigError: no such recipe, not TOML, an unknown key or a wrong type.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES_DIR / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES_DIR.glob("*.toml")))
        raise ConfigError(f"no recipe {name_or_path!r}; shipped: {known}, or give a .toml file")
    try:
        content = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        (content["fit"] if key in FitSpec.__dataclass_fields__ else content)[key] = value
    try:
        return from_plain(Recipe, content, path.name)
    except ManifestError as error:
        raise ConfigError(str(error)) from error
