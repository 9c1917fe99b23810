"""A collection held out: every example of it is tested on, none is fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing
from tests.support.dataset_layouts import write_cxr
from tests.support.drawn_task import tiny_recipe
from train import splits
from train.datasets.base import Example, list_examples
from train.fit import fit
from train.parts import split_for
from train.recipe import Recipe
from train.scores import read_npz_scores
from train.splits import Split


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("sources")
    write_cxr(root, patients=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "FOLDS_DIR", root)
        splits.write_folds("cxr-covid", list_examples("cxr-covid", root), 5, 1)
        yield root


def recipe(*sources: str, fold: int = 0) -> Recipe:
    return replace(
        tiny_recipe(batch_size=8),
        task="cxr-covid",
        dataset="cxr-covid",
        held_out_fold=fold,
        preprocessing=Preprocessing(32, mask="none"),
        held_out_sources=sources,
    )


@pytest.mark.train
def test_fit_scores_the_collection_that_it_has_not_seen(data: Path, tmp_path: Path) -> None:
    fit(recipe("hannover"), tmp_path / "run", data=data)
    scores = read_npz_scores(tmp_path / "run/held_out.npz")
    hannover = [e.name for e in list_examples("cxr-covid", data) if e.source == "hannover"]
    assert len(hannover) == 20
    assert set(hannover) < set(scores.name.tolist())
    assert scores.logit.shape == (len(scores.name), 3)


@pytest.mark.parametrize("fold", range(5))
def test_collection_is_in_the_test_part_alone(fold: int, data: Path) -> None:
    examples = list_examples("cxr-covid", data)
    split = split_for(recipe("hannover", fold=fold), examples)
    plain = split_for(recipe(fold=fold), examples)
    for part in ("train", "validation"):
        assert not [e for e in split.part_of(examples, part) if e.source == "hannover"]
        assert set(getattr(split, part)) == set(getattr(plain, part)) - {"hannover"}
    cxnet = {e.patient for e in examples if e.source == "cxnet"}
    assert set(split.test) == {*plain.test, "hannover"} - cxnet
    tested = {(e.source, e.label) for e in split.part_of(examples, "test")}
    assert tested == {("children", 0), ("children", 1), ("hannover", 2)}
    assert plain == split_for(replace(recipe(fold=fold), held_out_sources=()), examples)


def test_unknown_collection_says_which_there_are(data: Path) -> None:
    examples = list_examples("cxr-covid", data)
    words = r"held_out_sources has \['moon'\]; known: \['children', 'cxnet', 'hannover'\]"
    with pytest.raises(ConfigError, match=words):
        split_for(recipe("hannover", "moon"), examples)


@pytest.mark.train
def test_class_that_is_held_out_whole_leaves_nothing_to_learn(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the train part has \d+ crops of 2 of 3 classes"):
        fit(recipe("hannover", "cxnet"), tmp_path / "run", data=data)


def test_patient_of_two_collections_is_held_out_whole() -> None:
    examples = [
        Example("a", Path(), 0, "p1", source="here"),
        Example("b", Path(), 0, "p1", source="there"),
        Example("c", Path(), 0, "p2", source="here"),
    ]
    split = Split(("p1", "p2"), (), ()).holding_out(examples, ("there",))
    assert (split.train, split.test) == (("p2",), ("p1",))
    assert split.part_of(examples, "test") == examples[:2]


def test_random_split_holds_out_examples_by_name() -> None:
    examples = [Example(f"e{n}", Path(), 0, "p", source="ab"[n % 2]) for n in range(20)]
    split = splits.load_split("x", 0, "random-70-20-10", examples=examples)
    held_out = split.holding_out(examples, ("a",))
    assert {e.name for e in examples if e.source == "a"} <= set(held_out.test)
    assert held_out.leaks_patients
