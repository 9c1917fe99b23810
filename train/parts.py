"""The examples of a fit in their parts: what is fitted on, validated on, and held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest_corrections import Corrections
from edge.contract.types import U8Array
from train.batches import LabelledCrops
from train.corrections import SOURCE, Exports
from train.corrections_joined import join_corrections
from train.datasets import bccd_objects
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.recipe import Recipe
from train.splits import Split, check_covered, fold_of, load_split
from train.teacher import teacher_features, teacher_logits


@dataclass(frozen=True, eq=False)
class FitData:
    """All examples of a data set, prepared, and where they belong.

    Attributes:
        crops: (N,S,S,3) uint8 RGB, in the order of `examples`.
        fitted: with what the recipe's teacher says of it, and corrections at its end.
        validation: None where the fit takes it too.
        corrections: what became of them; None where there are none.
    """

    examples: list[Example]
    crops: U8Array
    split: Split
    fitted: LabelledCrops
    validation: LabelledCrops | None
    corrections: Corrections | None = None

    def part(self, name: str, source: str = "") -> tuple[list[Example], U8Array]:
        """Examples and crops of a part; of one collection alone where `source` names it."""
        rows = [
            row
            for row in self.split.rows_of(self.examples, name)
            if not source or self.examples[row].source == source
        ]
        return [self.examples[row] for row in rows], self.crops[rows]


def load_fit_data(
    recipe: Recipe, cache: Path, data: Path | None = None, exports: Exports | None = None
) -> FitData:
    """Everything that a fit of the recipe sees.

    Args:
        cache: folder for prepared crops.
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        exports: corrections that join the part that is fitted on.

    Raises:
        ConfigError: a data set of one label, or a batch larger than the part to fit on.
        DataError: a split leaks, an image is unreadable, a teacher does not fit the student, or no
            correction can be learned from.
    """
    labels = n_classes_of(recipe.dataset)
    examples = list_examples(recipe.dataset, data)
    split = split_for(recipe, examples)
    crops = load_crops(examples, recipe.preprocessing, cache)
    names = ("train", "validation") if recipe.fit.use_validation else ("train",)
    fitted = _part(recipe, examples, crops, split, names, labels)
    fitted = _taught(recipe, examples, fitted, split, names)
    if recipe.novelty is not None and recipe.novelty.real_foreign:
        fitted = replace(fitted, foreign=_real_foreign(recipe, cache, data))
    corrections = None
    if exports is not None:
        fitted, corrections = join_corrections(fitted, exports, recipe, examples, split)
    if len(fitted.labels) < recipe.fit.batch_size:
        raise ConfigError(
            f"fit.batch_size is {recipe.fit.batch_size}, more than the {len(fitted.labels)} crops "
            "to fit on"
        )
    validation = None
    if not recipe.fit.use_validation:
        validation = _part(recipe, examples, crops, split, ("validation",), labels)
    return FitData(examples, crops, split, fitted, validation, corrections)


def _real_foreign(recipe: Recipe, cache: Path, data: Path | None) -> U8Array:
    """(M,S,S,3) uint8 RGB: objects of the half of the fields that refusal is not measured on."""
    objects = [e for e in list_examples(bccd_objects.NAME, data) if not bccd_objects.is_held_out(e)]
    return load_crops(objects, replace(recipe.preprocessing, mask="none"), cache)


def n_classes_of(dataset: str) -> int:
    """How many labels a fit tells apart. Raises ConfigError where there is one alone."""
    labels = labels_of(dataset)
    if len(labels) < 2:
        raise ConfigError(
            f"data set {dataset} has the label {labels[0]!r} alone, and a network tells two apart; "
            "score it with `clinicscope train score`"
        )
    return len(labels)


def split_for(recipe: Recipe, examples: list[Example]) -> Split:
    """The recipe's split of these examples. Raises DataError where it does not cover them."""
    split = load_split(
        recipe.dataset, recipe.held_out_fold, recipe.split, examples=examples, seed=recipe.seed
    )
    check_covered(split, examples)
    return split.holding_out(examples, recipe.held_out_sources)


def _part(
    recipe: Recipe,
    examples: list[Example],
    crops: U8Array,
    split: Split,
    names: tuple[str, ...],
    n_classes: int,
) -> LabelledCrops:
    rows = _rows_of(examples, split, names)
    if recipe.novelty is not None and "train" in names:
        # Healthy cells alone are fitted on; the validation part keeps both, to be measured.
        rows, n_classes = [row for row in rows if examples[row].label == 0], 1
    labels = np.array([examples[row].label for row in rows], np.float32)
    if len(set(labels.tolist())) < n_classes:
        raise DataError(
            f"the {names[0]} part has {len(rows)} crops of {len(set(labels.tolist()))} of "
            f"{n_classes} classes; check the folds"
        )
    source = np.array([examples[row].source for row in rows])
    if unknown := sorted(set(recipe.draws) - {*source.tolist(), SOURCE}):
        raise ConfigError(f"draws has {unknown}; known: {sorted(set(source.tolist()))}")
    if wrong := [name for name, shares in recipe.shares.items() if len(shares) != n_classes]:
        raise ConfigError(f"shares of {wrong} are not one for each of {n_classes} classes")
    return LabelledCrops(crops[rows], labels, source)


def _rows_of(examples: list[Example], split: Split, names: tuple[str, ...]) -> list[int]:
    return [row for name in names for row in split.rows_of(examples, name)]


def _taught(
    recipe: Recipe,
    examples: list[Example],
    part: LabelledCrops,
    split: Split,
    names: tuple[str, ...],
) -> LabelledCrops:
    """The part with what the recipe's teacher says of it."""
    if recipe.teacher is None:
        return part
    own = [examples[row] for row in _rows_of(examples, split, names)]
    folds = fold_of(recipe.dataset)
    known = np.array([folds.get(split.id_of(example), -1) for example in own])
    said = [teacher_logits(recipe, own, labels_of(recipe.dataset), known)]
    if recipe.teacher.features:
        said.append(teacher_features(recipe.teacher, own))
    return replace(part, taught=tuple(said))
