"""Candidates become recipes; the space comes from the recipe and the device alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compress.devices import load_device
from compress.search.space import Candidate, plan_of, space_of
from edge.contract.errors import ConfigError
from train.recipe import Recipe, load_recipe

SAME = Candidate(1.0, 0, 1.0, 0.0, "int8")


@pytest.fixture()
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "base.toml"
    path.write_text(
        'task = "malaria-cells"\ndataset = "nih-cells"\nheld_out_fold = 0\nseed = 1\n'
        "[preprocessing]\nsize_px = 64\n"
        '[model]\nname = "plain_cnn"\nwidths = [16, 24, 40, 40]\nstrides = [2, 1, 2, 1]\n'
        'weights = "old.weights.h5"\n'
        "[fit]\nepochs = 50\nbatch_size = 64\nlearning_rate = 3e-3\nwarmup_epochs = 1\n"
        "use_validation = true\n"
    )
    return load_recipe(str(path))


def test_plain_candidate_is_the_recipe_on_a_short_schedule(recipe: Recipe) -> None:
    plan = plan_of(SAME, recipe, 4)
    assert plan.second is None
    assert plan.last.model == replace(recipe.model, weights="")
    assert (plan.first.fit.epochs, plan.first.fit.warmup_epochs) == (4, pytest.approx(0.8))
    assert not plan.first.fit.use_validation


def test_settings_change_widths_depth_and_size(recipe: Recipe) -> None:
    model = plan_of(replace(SAME, width=0.5, depth=1), recipe, 1).first.model
    assert (model.widths, model.strides) == ((8, 12, 20, 20, 20), (2, 1, 2, 1, 1))
    model = plan_of(replace(SAME, depth=-2), recipe, 1).first.model
    assert (model.widths, model.strides) == ((16, 40), (2, 2))
    assert plan_of(replace(SAME, resolution=0.75), recipe, 1).last.preprocessing.size_px == 48


def test_size_is_a_multiple_of_the_patch(recipe: Recipe) -> None:
    patched = replace(recipe, model=replace(recipe.model, patch=3))
    size = plan_of(replace(SAME, resolution=0.75), patched, 1).last.preprocessing.size_px
    assert size % 3 == 0


def test_cut_splits_the_epochs(recipe: Recipe) -> None:
    plan = plan_of(replace(SAME, cut=0.5), recipe, 5)
    assert plan.second is not None
    assert plan.first.model.widths == (16, 24, 40, 40)
    assert plan.second.model.widths == (8, 12, 20, 20)
    assert (plan.first.fit.epochs, plan.second.fit.epochs) == (3, 2)
    one = plan_of(replace(SAME, cut=0.5), recipe, 1)
    assert one.second is not None
    assert (one.first.fit.epochs, one.second.fit.epochs) == (1, 1)


def test_space_has_what_the_device_runs(recipe: Recipe) -> None:
    assert space_of(recipe, load_device("rpi4")).bits == ("int8", "int8-mixed", "float16")
    assert space_of(recipe, load_device("coral_usb")).bits == ("int8",)
    assert space_of(recipe, load_device("jetson_orin_nano")).bits == ("onnx-int8", "onnx-float32")


def test_depth_leaves_a_network(recipe: Recipe) -> None:
    device = load_device("rpi4")
    flat = replace(recipe, model=replace(recipe.model, strides=(1, 1, 1, 1)))
    smallest = plan_of(space_of(flat, device).smallest(), flat, 1).last
    assert len(smallest.model.widths) == 1
    strided = replace(recipe, model=replace(recipe.model, strides=(2, 2, 2, 2)))
    assert space_of(strided, device).depths == (0, 2)


def test_recipe_of_another_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="the recipe's network is 'resnet18'"):
        space_of(load_recipe("resnet18-112"), load_device("rpi4"))
