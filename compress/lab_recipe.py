"""What `compress run TASK` does, as a file: `compress/recipes/TASK.toml`, unknown keys refused."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from compress.variants import FROM_AWARE, VARIANTS
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain

RECIPES_DIR = Path(__file__).parent / "recipes"
FLOAT = "float32"


@dataclass(frozen=True)
class Tuning:
    """A short fit after the fit, of every fold.

    Attributes:
        rate: learning rate at its start.
        sparsity: share of weights that become 0; of `zeros` alone.
        max_bytes: of the INT8 file; of `channels` alone.
    """

    epochs: int
    rate: float
    sparsity: float = 0.0
    max_bytes: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.rate <= 0:
            raise ConfigError(f"epochs is {self.epochs} (at least 1), rate {self.rate} (above 0)")


@dataclass(frozen=True)
class LabRecipe:
    """One task's way from recipe to bundle.

    Attributes:
        title: of the table.
        student: recipe in `train/recipes`.
        folds: that are fitted and pooled.
        ships: the fold whose network ships.
        first: the recipe that the student starts from, fitted before it with the same folds.
        part: the collection (`Example.source`) that figures and thresholds are taken on; "" is all.
        variants: keys of `VARIANTS`, besides the ones that ship and the float parent.
        tflite, onnx: the variants that ship.
        max_bytes: of the TFLite file that ships.
        per_class: size of the representative set.
        aware: training that knows of the quantisation; None leaves it out.
        zeros: pruning of single weights; None leaves it out.
        channels: pruning of whole channels; None leaves it out.
        notes: sentences below the table.
    """

    title: str
    student: str
    folds: tuple[int, ...]
    ships: int
    max_bytes: int
    first: str = ""
    part: str = ""
    variants: tuple[str, ...] = ()
    tflite: str = "int8-float-out"
    onnx: str = "onnx-int8"
    per_class: int = 150
    aware: Tuning | None = None
    zeros: Tuning | None = None
    channels: Tuning | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ships not in self.folds or len(set(self.folds)) < len(self.folds):
            raise ConfigError(
                f"ships is fold {self.ships}, folds are {list(self.folds)}; each once, the one "
                "that ships among them"
            )
        if unknown := [name for name in self.all_variants if name not in VARIANTS]:
            raise ConfigError(f"no variants {unknown}; known: {', '.join(VARIANTS)}")
        if (self.onnx and not self.onnx.startswith("onnx-")) or self.tflite.startswith("onnx-"):
            raise ConfigError(f"tflite is {self.tflite!r} and onnx {self.onnx!r}; one of each kind")
        self._check_tuning()

    def _check_tuning(self) -> None:
        """What would else be refused hours later."""
        if self.aware and self.tflite not in FROM_AWARE:
            raise ConfigError(
                f"tflite is {self.tflite!r}, which cannot be made of a network that is aware of "
                f"quantisation, only {', '.join(sorted(FROM_AWARE))} can; leave [aware] out"
            )
        if self.zeros and not 0 < self.zeros.sparsity < 1:
            raise ConfigError(f"zeros.sparsity is {self.zeros.sparsity}; above 0, below 1")
        if self.channels and self.channels.max_bytes < 1:
            raise ConfigError(f"channels.max_bytes is {self.channels.max_bytes}; at least 1")

    @property
    def all_variants(self) -> tuple[str, ...]:
        """Float first, then what ships, then the others; each once."""
        shipped = (self.tflite, self.onnx) if self.onnx else (self.tflite,)
        return tuple(dict.fromkeys((FLOAT, *shipped, *self.variants)))


def load_lab_recipe(name_or_path: str) -> LabRecipe:
    """A recipe by the name of a shipped one, or by path.

    Raises:
        ConfigError: no such recipe, not TOML, unknown keys or impossible settings.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES_DIR / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES_DIR.glob("*.toml")))
        raise ConfigError(
            f"no task {name_or_path!r}; known: {known}; or give a .toml file, or a run folder of "
            "`clinicscope train fit`"
        )
    try:
        return from_plain(LabRecipe, tomllib.loads(path.read_text("utf-8")), path.name)
    except (tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error
