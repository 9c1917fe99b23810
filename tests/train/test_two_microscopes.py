"""A data set that joins two others with their folds, and epochs that draw from one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from tests.support.dataset_layouts import write_iml
from tests.support.drawn_task import drawn_task, tiny_recipe
from train import splits
from train.batches import LabelledCrops, batches, steps_of
from train.datasets.base import list_examples
from train.fit import fit
from train.recipe import load_recipe
from train.scores import read_npz_scores
from train.splits import fold_of, load_split, n_folds_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        write_iml(folder)
        splits.write_folds("iml-cells", list_examples("iml-cells", folder), 5, 1)
        yield folder


def test_folds_are_those_of_the_parts(data: Path) -> None:
    assert n_folds_of("two-microscopes") == 5
    joined = fold_of("two-microscopes")
    assert joined == fold_of("nih-cells") | fold_of("iml-cells")
    split = load_split("two-microscopes", 3)
    for name in ("nih-cells", "iml-cells"):
        part = load_split(name, 3)
        assert set(part.test) <= set(split.test)
        assert set(part.validation) <= set(split.validation)
    examples = list_examples("two-microscopes", data)
    assert {example.source for example in examples} == {"nih-cells", "iml-cells"}


@pytest.mark.train
def test_both_collections_are_fitted_on_and_held_out(data: Path, tmp_path: Path) -> None:
    recipe = replace(tiny_recipe(), dataset="two-microscopes", draws={"iml-cells": 10})
    fit(recipe, tmp_path / "run", data=data)
    scores = read_npz_scores(tmp_path / "run/held_out.npz")
    held = set(load_split("two-microscopes", 0).test)
    sources = {e.source for e in list_examples("two-microscopes", data) if e.patient in held}
    assert sources == {"nih-cells", "iml-cells"}
    assert set(scores.patient.tolist()) <= held


@pytest.mark.train
def test_epoch_draws_as_many_of_each_class() -> None:
    labels = np.array([0] * 40 + [1] * 4 + [0] * 10 + [1] * 10, np.float32)
    source = np.array(["rare"] * 44 + ["other"] * 20)
    crops = np.repeat(np.arange(64, dtype=np.uint8), 32 * 32 * 3).reshape(64, 32, 32, 3) + 100
    part = LabelledCrops(crops, labels, source)
    recipe = replace(tiny_recipe(batch_size=4), draws={"rare": 12})
    assert steps_of(part, recipe) == 8
    drawn = np.concatenate([given.numpy() for _, given in batches(part, recipe, 0)])
    # Six of each class of the one, all of the other.
    assert drawn.sum() == 16
    assert len(drawn) == 32


@pytest.mark.train
def test_epoch_draws_the_shares_that_the_recipe_says() -> None:
    labels = np.array([0] * 40 + [1] * 4, np.float32)
    part = LabelledCrops(np.full((44, 32, 32, 3), 100, np.uint8), labels, np.array(["rare"] * 44))
    recipe = replace(tiny_recipe(batch_size=4), draws={"rare": 32}, shares={"rare": (0.75, 0.25)})
    drawn = np.concatenate([given.numpy() for _, given in batches(part, recipe, 0)])
    assert (len(drawn), drawn.sum()) == (32, 8)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"nih-cells": [0.5, 0.5]}, "which draws lacks"),
        ({"iml-cells": [0.5, 0.4]}, "1 taken together"),
        ({"iml-cells": [0.0, 1.0]}, "all above 0"),
        ({"iml-cells": []}, "1 taken together"),
    ],
)
def test_shares_that_are_none_are_refused(shares: dict[str, list[float]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe("malaria-cells", {"draws": {"iml-cells": 12}, "shares": shares})


def test_shares_of_other_classes_are_refused(data: Path, tmp_path: Path) -> None:
    recipe = replace(
        tiny_recipe(),
        dataset="two-microscopes",
        draws={"iml-cells": 10},
        shares={"iml-cells": (0.5, 0.25, 0.25)},
    )
    with pytest.raises(ConfigError, match="each of 2 classes"):
        fit(recipe, tmp_path / "run", data=data)


def test_unknown_collection_and_empty_draw_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        load_recipe("malaria-cells", {"draws": {"iml-cells": 1}})
    recipe = replace(tiny_recipe(), draws={"elsewhere": 10})
    with pytest.raises(ConfigError, match="elsewhere"):
        fit(recipe, tmp_path / "run", data=data)
