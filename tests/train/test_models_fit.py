"""A small fit of every network, through the real loop, and what a run folder then holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.drawn_task import PLAIN, drawn_task, tiny_recipe
from train.datasets.base import list_examples, load_crops
from train.fit import fit
from train.log import LOG_COLUMNS, read_log
from train.models import MODELS, NOVELTY_MODELS
from train.networks import build_for
from train.recipe_parts import ModelSpec
from train.scores import read_npz_scores
from train.splits import load_split

# As the recipes of this network fit it at the end; a step through all its layers takes a minute.
LAST_LAYERS = {"efficientnet_b4": {"unfreeze_last": 40}}
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("quick_graphs")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(NOVELTY_MODELS)))
def test_every_network_fits_and_reloads_to_the_same_logits(
    name: str, data: Path, tmp_path: Path
) -> None:
    spec = PLAIN if name == PLAIN.name else ModelSpec(name)
    recipe = tiny_recipe(spec, use_validation=True, **LAST_LAYERS.get(name, {}))
    run = tmp_path / name
    weights = fit(recipe, run, data=data)
    (row,) = read_log(run / "log.csv")
    assert tuple(row) == LOG_COLUMNS
    assert 0 < row["loss"] < 5
    assert 0 <= row["accuracy"] <= 1
    scores = read_npz_scores(run / "held_out.npz")
    examples = load_split("nih-cells", 0).part_of(list_examples("nih-cells", data), "test")
    assert scores.name.tolist() == [example.name for example in examples]
    again = build_for(replace(recipe, seed=2), 2)
    again.load_weights(weights)
    crops = load_crops(examples, recipe.preprocessing)[:4]
    logit = again(crops.astype(np.float32) * recipe.preprocessing.scale)["logit"].numpy()[:, 0]
    np.testing.assert_allclose(logit, scores.logit[:4], atol=1e-4)
