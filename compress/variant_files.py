"""Every variant of one fold: made, scored on the held-out part, and kept on disk.

What is there is not made again, so a run that was stopped goes on; what was made of other weights
or settings is. A file and its scores are written whole, the scores last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from compress.fits import Fit
from compress.lab_recipe import LabRecipe, Tuning
from compress.measure import score_variant
from compress.representative import Representatives, choose_representatives
from compress.tuned import aware_network, network_of_fewer_channels, network_with_zeros
from compress.variants import Variant, make_variant
from edge.contract.types import U8Array
from train.corrections import read_corrections
from train.datasets.base import Example, labels_of
from train.models.cost import Cost, cost_of
from train.models.start_weights import WEIGHTS_FILE
from train.objectives import own_logit
from train.parts import FitData, load_fit_data
from train.scores import Scores, read_npz_scores, write_scores

AWARE, ZEROS, CHANNELS = "int8-aware", "int8-zeros", "int8-channels"


@dataclass(frozen=True, eq=False)
class Made:
    """One variant of one fold, with its scores of the whole held-out part."""

    name: str
    fold: int
    variant: Variant
    scores: Scores
    cost: Cost


@dataclass(frozen=True, eq=False)
class FoldLab:
    """One fold at work. Data and representative set are loaded when they are first needed."""

    lab: LabRecipe
    fit: Fit
    out: Path
    data: Path | None = None
    tell: Callable[[str], None] = lambda _text: None

    @cached_property
    def given(self) -> FitData:
        """Every example of the fit's data set, and the corrections that the fit was given."""
        exports = read_corrections(self.fit.corrections)
        return load_fit_data(self.fit.recipe, self.out / "cache", self.data, exports)

    @cached_property
    def representatives(self) -> Representatives:
        """The examples that set the ranges, from training groups alone."""
        recipe = self.fit.recipe
        return choose_representatives(
            self.given.split.part_of(self.given.examples, "train"),
            labels_of(recipe.dataset),
            recipe.seed,
            self.lab.per_class,
        )

    @cached_property
    def representative_crops(self) -> U8Array:
        """(N,S,S,3) uint8 RGB."""
        return self.crops_of(self.representatives.examples)

    def crops_of(self, examples: Sequence[Example]) -> U8Array:
        """(N,S,S,3) uint8 RGB, prepared."""
        row_of = {example.name: row for row, example in enumerate(self.given.examples)}
        return self.given.crops[[row_of[example.name] for example in examples]]

    @cached_property
    def parent(self) -> str:
        """SHA-256 of the fit's weights."""
        return hashlib.sha256((self.fit.folder / WEIGHTS_FILE).read_bytes()).hexdigest()

    def make_all(self) -> Iterator[Made]:
        """Every variant that the lab's recipe asks for, float first.

        Raises:
            DataError: a variant cannot be made; an operation or a file is named.
        """
        for name in self.lab.all_variants:
            yield self.make(name)
        tuned = (
            (AWARE, self.lab.aware, aware_network),
            (ZEROS, self.lab.zeros, network_with_zeros),
        )
        for name, spec, tune in tuned:
            if spec is not None:
                yield self._make(name, self.lab.tflite, spec, partial(self._tuned, tune, spec))
        if (spec := self.lab.channels) is not None:
            cut = partial(network_of_fewer_channels, self.fit, self.out, spec, self.data, self.tell)
            yield self._make(CHANNELS, self.lab.tflite, spec, cut)

    def make(self, name: str) -> Made:
        """One of the variants that need no tuning: a key of `VARIANTS`."""
        model = self.fit.model
        return self._make(name, name, None, lambda: model)

    def _tuned(self, tune: Callable[[Fit, FitData, Tuning], Any], spec: Tuning) -> Any:
        return tune(self.fit, self.given, spec)

    def _make(self, name: str, form: str, spec: Tuning | None, network: Callable[[], Any]) -> Made:
        fold = self.fit.recipe.held_out_fold
        stem = self.out / "variants" / Path(self.lab.student).stem / name / f"fold{fold}"
        made_of = f"{self.parent} {form} {spec} {self.lab.per_class}"
        if (found := _read(stem, name, fold, made_of)) is not None:
            return found
        self.tell(f"{self.lab.student}, fold {fold}: {name}")
        model, scale = network(), self.fit.recipe.preprocessing.scale
        variant = make_variant(form, model, self.representative_crops, scale)
        examples, crops = self.given.part("test")
        logit = own_logit(self.fit.recipe, score_variant(variant, crops, scale))
        scores = Scores.of(examples, logit)
        # Tuning changes values, not layers; cutting channels does both.
        cost = cost_of(model if name == CHANNELS else self.fit.model)
        made = Made(name, fold, replace(variant, name=name), scores, cost)
        _write(stem, made, made_of)
        return made


def _write(stem: Path, made: Made, made_of: str) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".npz").unlink(missing_ok=True)
    half = stem.with_suffix(".part")
    half.write_bytes(made.variant.content)
    half.replace(stem.with_suffix(f".{made.variant.format}"))
    np.savez(
        stem.with_suffix(".about.npz"),
        note=np.array(made.variant.note),
        cost=np.array([made.cost.parameters, made.cost.macs]),
        made_of=np.array(made_of),
    )
    write_scores(stem.with_suffix(".npz"), made.scores)


def _read(stem: Path, name: str, fold: int, made_of: str) -> Made | None:
    if not stem.with_suffix(".npz").is_file():
        return None
    format_ = "tflite" if stem.with_suffix(".tflite").is_file() else "onnx"
    with np.load(stem.with_suffix(".about.npz"), allow_pickle=False) as about:
        if str(about["made_of"]) != made_of:
            return None
        note, cost = str(about["note"]), Cost(*(int(value) for value in about["cost"]))
    content = stem.with_suffix(f".{format_}").read_bytes()
    scores = read_npz_scores(stem.with_suffix(".npz"))
    return Made(name, fold, Variant(name, format_, content, note), scores, cost)
