"""Training settings: TOML into frozen dataclasses, unknown keys refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain
from train.augment import Augmentation
from train.augment_image import ImageAugmentation
from train.models import NOVELTY_MODELS
from train.models.residuals import ResidualSpec
from train.objectives import OBJECTIVES
from train.splits import BY_PATIENT, check_kind

RECIPES_DIR = Path(__file__).parent / "recipes"
PATIENT_CONTEXT = "patient"
T = TypeVar("T")


@dataclass(frozen=True)
class ModelSpec:
    """Which network, and what it lets one choose.

    Attributes:
        name: a key of `train.models.MODELS`.
        widths: channels of each convolution, where the network lets one choose.
        strides: strides of the same convolutions.
        patch: side of the squares of pixels that are stacked into channels first; 1 is none.
        dropout: rate before the last layer.
        top_k: places of a novelty network's map whose mean is its logit.
        bottleneck: channels (or length) at the narrowest place of an autoencoder.
        residual: what an autoencoder compares, and which difference counts.
        weights: "" (random), "imagenet" (where the network has them), "run:NAME" (the run of that
            name with the same fold held out), or a weights file: a run's `.weights.h5`, or what
            the network's own docstring names.
    """

    name: str
    widths: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    patch: int = 1
    dropout: float = 0.0
    top_k: int = 4
    bottleneck: int = 8
    residual: ResidualSpec = field(default_factory=ResidualSpec)
    weights: str = ""

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.strides):
            raise ConfigError(
                f"model has {len(self.widths)} widths but {len(self.strides)} strides"
            )


@dataclass(frozen=True)
class FitSpec:
    """How it is fitted.

    Attributes:
        optimiser: "adamw" or "adam".
        schedule: "cosine" to zero, "step" (times `factor` every `step_epochs`), "plateau" (times
            `factor` after `plateau_patience` epochs without a lower validation loss), "constant".
        warmup_epochs: linear rise of the learning rate at the start.
        class_weights: weigh examples by n / (k * n_of_their_class).
        use_validation: fit on the validation part too; for a teacher whose schedule is fixed
            beforehand and whose thresholds come from out-of-fold scores.
        keep_best: keep the weights of the lowest validation loss instead of the last ones.
        stop_patience: stop after so many epochs without a lower validation loss; 0 is never.
        frozen_epochs: first phase, in which only the head learns.
        unfreeze_last: layers that learn in the second phase, from the end; 0 is all.
        unfrozen_rate: learning rate of the second phase.
        precision: "float32", or "mixed_bfloat16", faster for dense convolutions where the
            hardware has it (AMX, recent GPUs); unlike float16 it needs no loss scaling.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    optimiser: str = "adamw"
    schedule: str = "cosine"
    step_epochs: int = 5
    factor: float = 0.5
    plateau_patience: int = 3
    class_weights: bool = False
    use_validation: bool = False
    keep_best: bool = False
    stop_patience: int = 0
    frozen_epochs: int = 0
    unfreeze_last: int = 0
    unfrozen_rate: float = 1e-5
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(f"epochs is {self.epochs}, batch_size {self.batch_size}; at least 1")
        for name, allowed in (
            ("optimiser", {"adam", "adamw"}),
            ("schedule", {"constant", "cosine", "plateau", "step"}),
            ("precision", {"float32", "mixed_bfloat16"}),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"fit.{name} is {getattr(self, name)!r}; known: {', '.join(sorted(allowed))}"
                )
        needs_validation = self.schedule == "plateau" or self.keep_best or self.stop_patience
        if self.use_validation and needs_validation:
            raise ConfigError(
                "fit.use_validation leaves nothing to validate on; plateau, keep_best and "
                "stop_patience need it"
            )


@dataclass(frozen=True)
class TeacherSpec:
    """Whose word a student learns beside the labels (Hinton 2015, arXiv:1503.02531).

    Attributes:
        scores: out-of-fold logits: a name in `train/oof`, or a path ending in `.npz`.
        weight: the teacher's share of the loss; the labels have the rest.
        temperature: what both logits are divided by.
        silent_on: collections (`Example.source`) that the teacher has not scored; labels alone
            count there.
        features: pooled features of the teacher (`train features`), which the student's are drawn
            to; "" draws nothing.
        features_weight: of that part of the loss.
    """

    scores: str
    weight: float = 0.7
    temperature: float = 1.0
    silent_on: tuple[str, ...] = ()
    features: str = ""
    features_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise ConfigError(f"teacher.weight is {self.weight}; above 0, at most 1")
        if self.temperature <= 0 or self.features_weight <= 0:
            raise ConfigError(
                f"teacher.temperature is {self.temperature}, features_weight "
                f"{self.features_weight}; above 0"
            )


@dataclass(frozen=True)
class NoveltySpec:
    """A fit on healthy cells alone: no infected one is in the part that is fitted on.

    Attributes:
        objective: a key of `train.objectives.OBJECTIVES`.
        parasites: share of the cells that get drawn parasites; of `drawn`.
        harmless: share of all cells that get marks which healthy cells have too; of `drawn`.
        foreign: share of a batch that is pictures of something else; of `drawn`.
        map_weight: of the map's part of the loss beside the logit's; of `drawn`.
        real_foreign: share of the foreign pictures that are white cells and platelets of the half
            of bccd-objects which is not held out; of `drawn`.
    """

    objective: str = "drawn"
    parasites: float = 0.5
    harmless: float = 0.4
    foreign: float = 0.3
    map_weight: float = 1.0
    real_foreign: float = 0.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ConfigError(
                f"novelty.objective is {self.objective!r}; known: {', '.join(OBJECTIVES)}"
            )
        for name in ("parasites", "harmless", "foreign", "real_foreign"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"novelty.{name} is {getattr(self, name)}; 0 to below 1")


@dataclass(frozen=True)
class OperatingTargets:
    """Sensitivity per cell to aim at: for single crops, and for the cells of a field."""

    crop_sensitivity: float = 0.95
    field_sensitivity: float = 0.85


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


def read_recipe_file(
    kind: type[T], name_or_path: str, folder: Path, overrides: Mapping[str, Any] | None = None
) -> T:
    """As `load_recipe`, of any kind of recipe; shipped ones lie in `folder`."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = folder / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ConfigError(f"no recipe {name_or_path!r}; shipped: {known}, or give a .toml file")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    try:
        return from_plain(kind, content, path.name)
    except ManifestError as error:
        raise ConfigError(str(error)) from error


def _override(content: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        return
    *rooms, last = key.split(".")
    for room in rooms:
        content = content.setdefault(room, {})
        if not isinstance(content, dict):
            raise ConfigError(f"cannot set {key!r}: {room!r} is {content!r}, not a table")
    content[last] = value


def parse_setting(text: str) -> tuple[str, Any]:
    """`fit.epochs=3` to a key and a TOML value; what is no TOML value is a string.

    Raises:
        ConfigError: no `=`, or no key before it.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"setting is {text!r}; expected KEY=VALUE, e.g. fit.epochs=3")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
