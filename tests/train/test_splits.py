"""Folds of every data set, and the sources' random splits, which must own up to what they leak."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from train.datasets.base import Example, labels_of, list_examples
from train.recipe import load_recipe
from train.splits import (
    FOLDS_DIR,
    RANDOM_SPLITS,
    Split,
    check_covered,
    load_split,
    make_folds,
)

FOLDED = sorted(path.stem for path in FOLDS_DIR.glob("*.json"))


def examples(patients: int = 30, n_classes: int = 3) -> list[Example]:
    """The last class is rare, and with one patient in five alone."""
    return [
        Example(f"C{p}_{n}", Path(), n_classes - 1 if p % 5 == 0 and n < 3 else n % 2, f"C{p}")
        for p in range(patients)
        for n in range(20)
    ]


def test_every_data_set_at_hand_has_folds() -> None:
    assert {"cxr-covid", "cxr-pneumonia", "iml-cells", "iml-stages", "nih-cells"} <= set(FOLDED)


@pytest.mark.parametrize("dataset", FOLDED)
def test_committed_folds_share_no_patient_and_test_each_once(dataset: str) -> None:
    tested: list[str] = []
    for held_out in range(5):
        split = load_split(dataset, held_out)
        parts = [set(split.train), set(split.validation), set(split.test)]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert not split.leaks_patients
        assert split.warning == ""
        tested += split.test
    assert len(tested) == len(set(tested))


@pytest.mark.data
@pytest.mark.parametrize("dataset", FOLDED)
def test_committed_folds_fit_the_data_and_every_part_has_every_class(
    dataset: str, real_data: Path
) -> None:
    found = list_examples(dataset, real_data)
    content = json.loads((FOLDS_DIR / f"{dataset}.json").read_text())
    assert make_folds(found, 5, content["seed"]) == content["folds"]
    for held_out in range(5):
        split = load_split(dataset, held_out)
        check_covered(split, found)
        for part in ("train", "validation", "test"):
            present = {example.label for example in split.part_of(found, part)}
            assert present == set(range(len(labels_of(dataset)))), (held_out, part)


def test_rare_class_is_dealt_out_first() -> None:
    folds = make_folds(examples(50), 5, 1)
    rare = [sum(e.label == 2 for e in examples(50) if e.patient in fold) for fold in folds]
    assert rare == [6, 6, 6, 6, 6]
    assert max(map(len, folds)) - min(map(len, folds)) <= 1


@pytest.mark.parametrize("kind", sorted(RANDOM_SPLITS))
def test_random_split_has_the_named_shares_and_says_that_it_leaks(kind: str) -> None:
    found = examples()
    split = load_split("nih-cells", 0, kind, examples=found, seed=7)
    shares = [100 * len(part) // len(found) for part in (split.train, split.validation, split.test)]
    assert tuple(shares) == RANDOM_SPLITS[kind]
    rows = [split.rows_of(found, part) for part in ("train", "validation", "test")]
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(found)))
    assert split.leaks_patients
    assert split.n_shared_patients == 30
    assert split.warning == f"{kind}: leaks patients (30 are in more than one part)"
    check_covered(split, found)


def test_random_split_is_the_same_for_a_seed_and_fold_alone() -> None:
    kind = "random-80-10-10"
    first = load_split("nih-cells", 0, kind, examples=examples(), seed=7)
    assert first == load_split("nih-cells", 0, kind, examples=examples(), seed=7)
    assert first != load_split("nih-cells", 0, kind, examples=examples(), seed=8)
    assert first != load_split("nih-cells", 1, kind, examples=examples(), seed=7)


def test_shared_patients_are_counted_not_guessed() -> None:
    alone = [Example(f"e{n}", Path(), n % 2, f"p{n}") for n in range(50)]
    split = load_split("x", 0, "random-80-10-10", examples=alone)
    assert split.n_shared_patients == 0
    found = examples()
    split = load_split("x", 0, "random-70-20-10", examples=found)
    parts = {
        patient: {p for p in ("train", "validation", "test") for e in split.part_of(found, p)
                  if e.patient == patient}
        for patient in Counter(e.patient for e in found)
    }  # fmt: skip
    assert split.n_shared_patients == sum(len(p) > 1 for p in parts.values())


def test_other_kinds_and_nothing_to_shuffle_are_refused() -> None:
    with pytest.raises(ConfigError, match="split is 'random'; known: patients, random-70-20-10"):
        load_split("nih-cells", 0, "random")
    with pytest.raises(DataError, match="needs the examples to shuffle; 0 were given"):
        load_split("nih-cells", 0, "random-70-20-10")
    with pytest.raises(DataError, match=r"examples \['a'\] are in both train and test"):
        Split(("a",), ("b",), ("a",), "random-70-20-10")


def test_example_that_the_random_split_does_not_know_is_refused() -> None:
    split = load_split("x", 0, "random-70-20-10", examples=examples())
    with pytest.raises(DataError, match=r"1 examples are in no fold: .'new'"):
        check_covered(split, [Example("new", Path(), 0, "C1")])


def test_recipe_names_its_split() -> None:
    assert load_recipe("malaria-cells").split == "patients"
    assert load_recipe("malaria-cells", {"split": "random-80-10-10"}).split == "random-80-10-10"
    with pytest.raises(ConfigError, match="split is 'shuffled'"):
        load_recipe("malaria-cells", {"split": "shuffled"})
