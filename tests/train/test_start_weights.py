"""`run:NAME`: which weights it means, and that they have not seen the held-out part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from tests.support.drawn_task import PLAIN, drawn_task, tiny_recipe
from train.fit import fit
from train.models import start_weights
from train.models.start_weights import WEIGHTS_FILE, find_start
from train.networks import build_for, load_network
from train.recipe import load_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


def finished(folder: Path, fold: int | None) -> Path:
    """A finished run, as far as it is looked for; one without a recipe for None."""
    folder.mkdir(parents=True)
    (folder / WEIGHTS_FILE).write_bytes(b"weights")
    if fold is not None:
        (folder / "recipe.json").write_text(json.dumps({"held_out_fold": fold}))
    return folder / WEIGHTS_FILE


def test_start_of_a_fold_is_the_same_fold_of_the_other_run(tmp_path: Path) -> None:
    finished(tmp_path / "first/fold0", 0)
    expected = finished(tmp_path / "first/fold1", 1)
    assert find_start("run:first", tmp_path / "student/fold1", 1) == expected


def test_start_of_a_single_run_lies_beside_it(tmp_path: Path) -> None:
    expected = finished(tmp_path / "first", 2)
    assert find_start("run:first", tmp_path / "student", 2) == expected


def test_cut_network_without_a_recipe_is_a_start(tmp_path: Path) -> None:
    expected = finished(tmp_path / "small-cut/fold0", None)
    assert find_start("run:small-cut", tmp_path / "small/fold0", 0) == expected


def test_records_are_looked_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_weights, "KEPT_DIR", tmp_path / "records")
    kept = finished(tmp_path / "records/first/fold0", 0)
    student = tmp_path / "runs/student/fold0"
    assert find_start("run:first", student, 0) == kept
    own = finished(tmp_path / "runs/first/fold0", 0)
    assert find_start("run:first", student, 0) == own


def test_start_that_was_fitted_on_the_held_out_part_is_refused(tmp_path: Path) -> None:
    finished(tmp_path / "first", 0)
    with pytest.raises(ConfigError, match="no finished fit of first with fold 1 held out"):
        find_start("run:first", tmp_path / "student", 1)


def test_start_with_a_broken_recipe_is_refused(tmp_path: Path) -> None:
    finished(tmp_path / "first", 0)
    for text in ("{", "[]", "{}"):
        (tmp_path / "first/recipe.json").write_text(text)
        with pytest.raises(ConfigError, match=r"first/recipe\.json is no recipe"):
            find_start("run:first", tmp_path / "student", 0)


def test_missing_start_names_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        find_start("run:first", tmp_path / "runs/student/fold3", 3)
    message = str(refused.value)
    assert "model.weights is 'run:first'" in message
    for place in (tmp_path / "runs/first/fold3", start_weights.KEPT_DIR / "first/fold3"):
        assert str(place) in message


@pytest.mark.train
def test_share_of_the_start_stays_in_the_weights_that_are_kept(data: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    first = build_for(tiny_recipe(), 2)
    (tmp_path / "first").mkdir()
    first.save_weights(tmp_path / "first" / WEIGHTS_FILE)
    recipe = replace(
        tiny_recipe(), model=replace(PLAIN, weights="run:first"), seed=2, start_share=0.25
    )
    fit(recipe, tmp_path / "run", data=data)
    last = build_for(tiny_recipe(), 2)
    checkpoint = tf.train.latest_checkpoint(str(tmp_path / "run/checkpoint"))
    tf.train.Checkpoint(model=last).restore(checkpoint).expect_partial()
    kept = load_network(tmp_path / "run")[1].get_weights()
    for start, end, mean in zip(first.get_weights(), last.get_weights(), kept, strict=True):
        np.testing.assert_allclose(mean, 0.25 * start + 0.75 * end, atol=1e-6)
        assert np.abs(start - end).max() > 1e-5


def test_share_of_no_start_or_of_all_of_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs model\.weights"):
        fit(replace(tiny_recipe(), start_share=0.2), tmp_path / "run")
    with pytest.raises(ConfigError, match="0 to below 1"):
        load_recipe("malaria-cells", {"start_share": 1.0})
