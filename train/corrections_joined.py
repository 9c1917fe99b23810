"""Which corrections a fit learns from, and how they join the part that is fitted on.

They never join the validation or the held-out part, so figures stay those of the same examples as
without them. What is held out, or in the data set already, is left out and counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.labels import NON_RBC, PARASITISED, STAGES, UNINFECTED, is_infected
from edge.contract.manifest_corrections import Corrections
from edge.contract.preprocess import Preprocessing
from edge.contract.types import F32Array, U8Array
from train.batches import LabelledCrops
from train.corrections import SOURCE, Crop, Exports, role_of
from train.corrections_known import shown_in
from train.datasets.base import Example, labels_of, load_crops
from train.datasets.corrections import outlined
from train.recipe import Recipe
from train.splits import Split

log = logging.getLogger(__name__)

# Below it `prepare_crop` refuses a picture.
LEAST_PX = 3
NO_RED_CELL = "no red cell"
NO_STAGE = "infected, of no stage"
NOT_INFECTED = "not infected"
INFECTED = "infected, and healthy cells alone are learned from"
TOO_SMALL = f"less than {LEAST_PX} px wide"
AGAIN = "the same crop again"
OVERRULED = "judged otherwise later"
UNDECIDED = "judged two ways at the same time"
HELD_OUT_PATIENT = "of a held-out patient"
HELD_OUT_PICTURE = "of a held-out picture"
IN_DATA_SET = "of a picture in the data set already"


@dataclass
class _Choice:
    """Crops with the label that the recipe gives them, and why others were left out."""

    kept: list[tuple[Crop, int]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def drop(self, why: str, dropped: Callable[[Crop], bool]) -> None:
        kept = [(crop, label) for crop, label in self.kept if not dropped(crop)]
        self.left_out[why] += len(self.kept) - len(kept)
        self.kept = kept


def join_corrections(
    part: LabelledCrops,
    exports: Exports,
    recipe: Recipe,
    examples: Sequence[Example],
    split: Split,
) -> tuple[LabelledCrops, Corrections]:
    """The part that is fitted on with the corrections at its end, and what became of them.

    Their source is `SOURCE`; a teacher is silent on them.

    Args:
        examples: all of the recipe's data set.

    Raises:
        ConfigError: the recipe tells apart what reviewers do not, or gives shares of classes that
            the corrections lack.
        DataError: nothing is left to learn from.
    """
    labels = labels_of(recipe.dataset)
    choice = _choose(exports.crops, reading_of(recipe), examples, split)
    told = Corrections(
        role=role_of(recipe),
        exports=exports.described,
        learned={
            name: count
            for index, name in enumerate(labels)
            if (count := sum(label == index for _, label in choice.kept))
        },
        left_out={why: count for why, count in sorted(choice.left_out.items()) if count},
    )
    _check_some(told, len(exports.crops), recipe)
    for line in told.told()[:1]:
        log.warning("corrections: %s", line)
    crops = _prepared([crop for crop, _ in choice.kept], recipe.preprocessing)
    return _joined(part, crops, np.array([label for _, label in choice.kept], np.float32)), told


def _check_some(told: Corrections, given: int, recipe: Recipe) -> None:
    if not told.learned:
        why = ", ".join(f"{count} {name}" for name, count in told.left_out.items())
        raise DataError(
            f"none of {given} corrections can be learned from ({why or 'the tables are empty'}); "
            "give other exports, or fit without --corrections"
        )
    if SOURCE in recipe.shares and len(told.learned) < len(recipe.shares[SOURCE]):
        raise ConfigError(
            f"shares has {SOURCE!r}, whose crops are {', '.join(told.learned)} alone; leave the "
            "shares out"
        )


def reading_of(recipe: Recipe) -> Callable[[str], int | str]:
    """From a reviewer's label to the index of the recipe's, or why there is none.

    Raises:
        ConfigError: the recipe tells apart what reviewers of cells do not.
    """
    labels = labels_of(recipe.dataset)
    if tuple(labels) == (UNINFECTED, PARASITISED):
        healthy_alone = recipe.novelty is not None
        return lambda label: _cell(label, healthy_alone)
    if tuple(labels) == STAGES:
        return _stage
    raise ConfigError(
        f"recipe's task is {recipe.task!r}, which tells {', '.join(labels)}; corrections are of "
        "red cells: fit without --corrections"
    )


def _cell(label: str, healthy_alone: bool) -> int | str:
    if label in NON_RBC:
        return NO_RED_CELL
    return INFECTED if healthy_alone and is_infected(label) else int(is_infected(label))


def _stage(label: str) -> int | str:
    if label in STAGES:
        return STAGES.index(label)
    return {PARASITISED: NO_STAGE, UNINFECTED: NOT_INFECTED}.get(label, NO_RED_CELL)


def _choose(
    crops: Iterable[Crop],
    reading: Callable[[str], int | str],
    examples: Sequence[Example],
    split: Split,
) -> _Choice:
    choice = _Choice()
    for crop in crops:
        read = reading(crop.correction.label)
        if isinstance(read, str):
            choice.left_out[read] += 1
        else:
            choice.kept.append((crop, read))
    choice.drop(TOO_SMALL, lambda crop: min(crop.size_px) < LEAST_PX)
    _once_each(choice)
    held_out = [*split.part_of(examples, "validation"), *split.part_of(examples, "test")]
    patients = {example.patient for example in held_out}
    choice.drop(HELD_OUT_PATIENT, lambda crop: crop.correction.patient in patients)
    _drop_known(choice, HELD_OUT_PICTURE, held_out)
    _drop_known(choice, IN_DATA_SET, split.part_of(examples, "train"))
    return choice


def _once_each(choice: _Choice) -> None:
    """One of equal crops: the newest review counts, as on the device.

    Where the newest were at the same time and differ, nobody knows, and none is kept.
    """
    equal: dict[str, list[tuple[Crop, int]]] = {}
    for crop, label in choice.kept:
        equal.setdefault(crop.pixels, []).append((crop, label))
    choice.kept = []
    for group in equal.values():
        newest = max(crop.correction.reviewed for crop, _ in group)
        said = {label for crop, label in group if crop.correction.reviewed == newest}
        if len(said) > 1:
            choice.left_out[UNDECIDED] += len(group)
            continue
        (label,) = said
        same = [one for one in group if one[1] == label]
        choice.kept.append(max(same, key=lambda one: one[0].correction.reviewed))
        choice.left_out[AGAIN] += len(same) - 1
        choice.left_out[OVERRULED] += len(group) - len(same)


def _drop_known(choice: _Choice, why: str, examples: Sequence[Example]) -> None:
    """Leaves out every crop of a picture of which one crop at least shows these examples'."""
    crops = [crop for crop, _ in choice.kept]
    if not crops:
        return
    known = shown_in(
        examples,
        np.stack([crop.samples for crop in crops]),
        np.array([crop.place_px for crop in crops]),
        np.array([crop.size_px for crop in crops]),
    )
    pictures = {_picture_of(crop) for crop, is_known in zip(crops, known, strict=True) if is_known}
    choice.drop(why, lambda crop: _picture_of(crop) in pictures)


def _picture_of(crop: Crop) -> str:
    return crop.correction.field_sha256 or str(crop.correction.path)


def _prepared(crops: Sequence[Crop], spec: Preprocessing) -> U8Array:
    """(N,S,S,3) uint8 RGB, outlined and prepared as the cells of fields with boxes are."""
    return load_crops(
        [
            Example(path.stem, path, 0, crop.correction.patient, outlined(path), SOURCE)
            for crop in crops
            for path in [crop.correction.path]
        ],
        spec,
    )


def _joined(part: LabelledCrops, crops: U8Array, labels: F32Array) -> LabelledCrops:
    n = len(labels)
    source = np.full(len(part.labels), "") if part.source is None else part.source
    return replace(
        part,
        crops=np.concatenate([part.crops, crops]),
        labels=np.concatenate([part.labels, labels]),
        source=np.concatenate([source, np.full(n, SOURCE)]),
        taught=tuple(
            np.concatenate([said, np.full((n, *said.shape[1:]), np.nan, np.float32)])
            for said in part.taught
        ),
    )
