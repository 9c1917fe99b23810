"""What `compress run` does with an enhancer, as a file of `compress/recipes`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from compress.lab_recipe import RECIPES_DIR
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from train.models.superres import STEP_PX
from train.superres.evaluate import PAIR_SETS

# Cells of each class in the representative set.
PER_CLASS = 100


@dataclass(frozen=True)
class AwareSpec:
    """A short fit with fake INT8 in it, after the fit.

    Attributes:
        epochs: of as many steps as the fit's have.
        rate: learning rate at the start, falling to 0 as a cosine.
    """

    epochs: int
    rate: float

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.rate <= 0:
            raise ConfigError(f"epochs is {self.epochs} (at least 1), rate {self.rate} (above 0)")


@dataclass(frozen=True)
class EnhancerLab:
    """An enhancer's way from recipe to bundle.

    Attributes:
        title: for a person.
        enhancer: recipe in `train/superres/recipes`, or a .toml file.
        pairs: keys of `PAIR_SETS` that INT8 is compared with float on and figures are taken on; the
            first gives the manifest's parity.
        tile_px: side of the low-resolution square that the files take.
        margin_px: of a tile's rim that is thrown away; how far the network looks.
        max_bytes: of the TFLite file that ships.
        per_class: cells of each class in the representative set.
        aware: training that knows of the quantisation; None leaves it out.
    """

    title: str
    enhancer: str
    pairs: tuple[str, ...]
    tile_px: int = 128
    margin_px: int = 8
    max_bytes: int = 40_000
    per_class: int = PER_CLASS
    aware: AwareSpec | None = None

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.pairs) - set(PAIR_SETS)) or not self.pairs:
            raise ConfigError(f"pairs are {unknown}; known: {', '.join(PAIR_SETS)}")
        if self.tile_px % STEP_PX or not 0 <= 2 * self.margin_px < self.tile_px:
            raise ConfigError(
                f"tile_px is {self.tile_px} and margin_px {self.margin_px}; a multiple of "
                f"{STEP_PX}, and something must be left between the margins"
            )


def is_enhancer_lab(name_or_path: str) -> bool:
    """Whether a recipe of the lab is of this kind; False where there is none or it is not TOML."""
    try:
        return "enhancer" in tomllib.loads(_path_of(name_or_path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def load_enhancer_lab(name_or_path: str) -> EnhancerLab:
    """A recipe by the name of a shipped one, or by path.

    Raises:
        ConfigError: no such recipe, not TOML, unknown keys or impossible settings.
    """
    path = _path_of(name_or_path)
    try:
        return from_plain(EnhancerLab, tomllib.loads(path.read_text("utf-8")), path.name)
    except (OSError, tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error


def _path_of(name_or_path: str) -> Path:
    path = Path(name_or_path)
    return path if path.suffix == ".toml" else RECIPES_DIR / f"{name_or_path}.toml"
