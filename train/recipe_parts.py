"""The parts of recipes: which network, how it is fitted, what it learns from."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.errors import ConfigError
from train.models.residuals import ResidualSpec
from train.objectives import OBJECTIVES


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
