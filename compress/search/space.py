"""The space that a search draws from, derived from a recipe: no range is set by hand.

A candidate is a change of the recipe's plain network: its widths, its depth, its input size, the
share of channels cut after a first fit, and the bits it is stored in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from compress.devices import Device
from compress.prune_channels import step_width, uniform_widths
from edge.contract.errors import ConfigError
from train.recipe import Recipe
from train.recipe_parts import FitSpec, ModelSpec

# In the order of a device's preference; where INT8 alone runs, the first.
_VARIANTS = {
    "tflite": ("int8", "int8-mixed", "float16"),
    "onnx": ("onnx-int8", "onnx-float32"),
}
_SIZE_STEP_PX = 8
_WARM_UP_SHARE = 0.2


@dataclass(frozen=True)
class Candidate:
    """One point of the space.

    Attributes:
        width: factor on the recipe's widths.
        depth: convolutions of stride 1 more than the recipe has, or fewer.
        resolution: factor on the recipe's input side.
        cut: share of each layer's channels that is cut after a first fit; 0 cuts none.
        bits: name of the variant of `compress.variants` that is stored.
    """

    width: float
    depth: int
    resolution: float
    cut: float
    bits: str


@dataclass(frozen=True)
class Drawn:
    """A candidate with what Optuna drew for it.

    Attributes:
        parameters: by name, as Optuna keeps them.
        distributions: what each was drawn from.
    """

    candidate: Candidate
    parameters: dict[str, Any]
    distributions: dict[str, Any]


@dataclass(frozen=True)
class Space:
    """Bounds of each setting; both ends are in."""

    base: Recipe
    depths: tuple[int, int]
    bits: tuple[str, ...]
    widths: tuple[float, float] = (0.25, 1.5)
    resolutions: tuple[float, float] = (0.5, 1.5)
    cuts: tuple[float, float] = (0.0, 0.5)

    def draw(self, trial: Any) -> Candidate:
        """What an Optuna trial suggests."""
        return Candidate(
            width=trial.suggest_float("width", *self.widths, step=0.125),
            depth=trial.suggest_int("depth", *self.depths),
            resolution=trial.suggest_float("resolution", *self.resolutions, step=0.25),
            cut=trial.suggest_float("cut", *self.cuts, step=0.125),
            bits=trial.suggest_categorical("bits", self.bits),
        )

    def smallest(self) -> Candidate:
        """The candidate that costs least."""
        return Candidate(
            self.widths[0], self.depths[0], self.resolutions[0], self.cuts[1], self.bits[0]
        )


@dataclass(frozen=True)
class Plan:
    """How a candidate comes about.

    Attributes:
        first: the recipe that is fitted first.
        second: what is fitted after the cut, from the weights that are left; None without a cut.
    """

    first: Recipe
    second: Recipe | None

    @property
    def last(self) -> Recipe:
        """The recipe of the network that results."""
        return self.second or self.first


def space_of(recipe: Recipe, device: Device) -> Space:
    """The space round a recipe, of what the device runs.

    Raises:
        ConfigError: the recipe's network is not a plain one.
    """
    spec = recipe.model
    if spec.name != "plain_cnn" or not spec.widths:
        raise ConfigError(
            f"search changes widths and strides of plain_cnn; the recipe's network is {spec.name!r}"
            f" with widths {list(spec.widths)}: give the recipe of a student"
        )
    bits = _VARIANTS["tflite" if "tflite" in device.formats else "onnx"]
    if not device.float_factor.value:
        bits = bits[:1]
    removable = min(spec.strides.count(1), len(spec.strides) - 1)
    return Space(recipe, (-removable, 2), bits)


def plan_of(candidate: Candidate, base: Recipe, epochs: int) -> Plan:
    """The fits of a candidate.

    With a cut, half of the epochs come before it, and at least one on each side.
    """
    recipe = replace(
        base,
        model=_model(candidate, base.model),
        preprocessing=replace(base.preprocessing, size_px=_size_px(candidate, base)),
        fit=_short(base.fit, epochs),
    )
    widths = uniform_widths(recipe.model.widths, 1 - candidate.cut)
    if widths == recipe.model.widths:
        return Plan(recipe, None)
    before = math.ceil(epochs / 2)
    return Plan(
        replace(recipe, fit=_short(base.fit, before)),
        replace(
            recipe,
            model=replace(recipe.model, widths=widths),
            fit=_short(base.fit, max(1, epochs - before)),
        ),
    )


def _model(candidate: Candidate, spec: ModelSpec) -> ModelSpec:
    layers = list(zip(spec.widths, spec.strides, strict=True))
    for _ in range(-candidate.depth):
        layers.pop(max(index for index, (_, stride) in enumerate(layers) if stride == 1))
    layers += [(layers[-1][0], 1)] * candidate.depth
    widths, strides = zip(*layers, strict=True)
    scaled = tuple(step_width(width * candidate.width) for width in widths)
    # Weights of the recipe's own network fit no other.
    return replace(spec, widths=scaled, strides=tuple(strides), weights="")


def _size_px(candidate: Candidate, base: Recipe) -> int:
    step = math.lcm(_SIZE_STEP_PX, base.model.patch)
    return step * max(2, round(base.preprocessing.size_px * candidate.resolution / step))


def _short(fit: FitSpec, epochs: int) -> FitSpec:
    """The recipe's schedule squeezed into few epochs; validation patients are not fitted on."""
    return replace(
        fit,
        epochs=epochs,
        warmup_epochs=min(fit.warmup_epochs, epochs * _WARM_UP_SHARE),
        frozen_epochs=0,
        use_validation=False,
        keep_best=False,
        stop_patience=0,
        precision="float32",
    )
