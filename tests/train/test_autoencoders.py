"""Networks that give healthy cells back: shapes, what is in their graph, a small fit of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import F32Array
from tests.support.drawn_task import drawn_task, reconstructing
from train.evaluate import auc
from train.fit import fit
from train.log import read_log
from train.models import build_model
from train.models.cost import cost_of
from train.models.residuals import ResidualSpec, grey_target, inside, residual_map
from train.networks import load_network
from train.objectives import objective_of
from train.recipe_parts import FitSpec, ModelSpec
from train.scores import read_npz_scores

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("quick_graphs")]
SIZE_PX = 32
SPECS = {
    "grey_autoencoder": ModelSpec("grey_autoencoder", top_k=4),
    "variational_autoencoder": ModelSpec("variational_autoencoder", top_k=4),
    "transformer_autoencoder": ModelSpec("transformer_autoencoder", top_k=4),
    "colour_autoencoder": ModelSpec("colour_autoencoder", patch=2, top_k=4),
    "feature_pair": ModelSpec("feature_pair", top_k=2),
}
# Maps are as large as the image; those of features an eighth.
MAP_SIDES = dict.fromkeys(SPECS, SIZE_PX) | {"feature_pair": SIZE_PX // 8}


def build(spec: ModelSpec, size_px: int = SIZE_PX) -> Any:
    return build_model(spec, Preprocessing(size_px))


def cells(kind: str, count: int = 8) -> F32Array:
    drawn = [draw_cell(kind, seed, 40) for seed in range(count)]
    images, masks = zip(*drawn, strict=True)
    crops = prepare_batch(list(images), Preprocessing(SIZE_PX), list(masks))
    return np.asarray(crops / 255, np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn"), cells=4) as folder:
        yield folder


@pytest.mark.parametrize("name", SPECS)
def test_network_gives_one_score_and_its_map(name: str) -> None:
    out = build(SPECS[name])(cells("uninfected"), training=False)
    side = MAP_SIDES[name]
    assert out["logit"].shape == (8, 1)
    assert out["cam"].shape == (8, side, side, 1)
    assert out["cam"].dtype == out["logit"].dtype == "float32"
    assert out["cam"].numpy().min() >= 0


@pytest.mark.parametrize("name", SPECS)
def test_cost_of_every_network_is_known(name: str) -> None:
    cost = cost_of(build(SPECS[name]))
    assert 1_000 < cost.parameters < 200_000
    assert cost.macs > 100_000


@pytest.mark.parametrize("name", SPECS)
def test_fit_on_healthy_cells_lowers_the_error_and_reloads(
    name: str, data: Path, tmp_path: Path
) -> None:
    recipe = reconstructing(SPECS[name], epochs=3, learning_rate=5e-3)
    fit(recipe, tmp_path / name, data=data)
    rows = read_log(tmp_path / name / "log.csv")
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert 0 <= rows[-1]["accuracy"] <= 1
    _, model = load_network(tmp_path / name)
    scores = read_npz_scores(tmp_path / name / "held_out.npz")
    again = model(cells("uninfected"))["logit"].numpy()
    assert scores.logit.ndim == 1
    assert np.isfinite(again).all()


def test_colour_autoencoder_scores_drawn_parasites_above_healthy_cells(
    data: Path, tmp_path: Path
) -> None:
    spec = replace(SPECS["colour_autoencoder"], bottleneck=2, residual=ResidualSpec("saturated"))
    run = tmp_path / "run"
    fit(reconstructing(spec, epochs=12, learning_rate=1e-2), run, data=data)
    scores = read_npz_scores(run / "held_out.npz")
    assert auc(scores.logit, scores.label > 0) > 0.8


def test_same_fit_twice_gives_the_same_scores(data: Path, tmp_path: Path) -> None:
    recipe = reconstructing(SPECS["variational_autoencoder"], epochs=2)
    logits = []
    for name in "ab":
        fit(recipe, tmp_path / name, data=data)
        logits.append(read_npz_scores(tmp_path / name / "held_out.npz").logit)
    np.testing.assert_array_equal(*logits)


def test_teacher_of_the_pair_stays_as_it_was(data: Path, tmp_path: Path) -> None:
    recipe = reconstructing(replace(SPECS["feature_pair"], weights="imagenet"), epochs=1)
    before = {
        layer.name: [weight.numpy() for weight in layer.weights]
        for layer in build(recipe.model).layers
        if layer.name.startswith(("stem", "block"))
    }
    fit(recipe, tmp_path / "run", data=data)
    _, after = load_network(tmp_path / "run")
    assert len(before) > 20
    for name, weights in before.items():
        for old, new in zip(weights, after.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(old, new.numpy())


def test_variational_network_is_held_near_a_normal_distribution_while_it_trains() -> None:
    model = build(SPECS["variational_autoencoder"])
    image = cells("uninfected")
    first, second = (model(image, training=True)["cam"].numpy() for _ in range(2))
    assert float(model.losses[0]) > 0
    assert abs(first - second).max() > 0
    first, second = (model(image, training=False)["cam"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_inside_leaves_out_the_rim_and_what_is_black() -> None:
    image = np.zeros((1, 16, 16, 3), np.float32)
    image[:, 3:13, 3:13] = (0.8, 0.6, 0.7)
    found = inside(image, 2).numpy()[0, :, :, 0]
    assert found[5:11, 5:11].min() == 1
    assert found.sum() == 36
    assert inside(image, 0).numpy().sum() == 100


def test_target_is_grey_thresholded_and_simplified() -> None:
    image = np.full((1, 4, 4, 3), 0.75, np.float32)
    image[0, 0, 0] = (0.1, 0.05, 0.15)
    cell = np.ones((1, 4, 4, 1), np.float32)
    grey = grey_target(image, cell, 0.0, 0).numpy()[0, :, :, 0]
    assert grey[1, 1] == pytest.approx(0.75)
    assert grey[0, 0] == pytest.approx(0.299 * 0.1 + 0.587 * 0.05 + 0.114 * 0.15)
    dark = grey_target(image, cell, 0.5, 0).numpy()[0, :, :, 0]
    assert dark[1, 1] == 0
    assert dark[0, 0] == pytest.approx((0.5 - grey[0, 0]) / 0.5)
    simple = grey_target(image, cell, 0.0, 4).numpy()[0, :, :, 0]
    assert simple[1, 1] == pytest.approx(2 / 3, abs=1e-6)
    assert simple[0, 0] == pytest.approx(0, abs=1e-6)
    outside = np.zeros((1, 4, 4, 1), np.float32)
    assert not grey_target(image, outside, 0.5, 4).numpy().any()


@pytest.mark.parametrize("kind", ["darker", "saturated", "stained"])
def test_directed_residuals_count_one_direction(kind: str) -> None:
    plain = np.full((1, 4, 4, 3), 0.7, np.float32)
    stained = plain * (1.0, 0.4, 1.0)
    cell = np.ones((1, 4, 4, 1), np.float32)
    seen = partial(residual_map, cell=cell, spec=ResidualSpec(kind))
    assert seen(stained.astype(np.float32), plain).numpy().min() > 0.1
    assert not seen(plain, stained.astype(np.float32)).numpy().any()


def test_thresholded_targets_are_dark_where_they_are_high() -> None:
    low, high = (np.full((1, 2, 2, 1), value, np.float32) for value in (0.2, 0.6))
    spec, cell = ResidualSpec("darker"), np.ones((1, 2, 2, 1), np.float32)
    assert residual_map(high, low, cell, spec, dark=False).numpy().min() > 0.3
    assert not residual_map(high, low, cell, spec, dark=True).numpy().any()


def test_places_of_the_map_are_means_of_squares_that_overlap_by_half() -> None:
    made, cell = np.zeros((1, 8, 8, 1), np.float32), np.ones((1, 8, 8, 1), np.float32)
    target = made.copy()
    target[0, 0, 0] = 1
    found = residual_map(target, made, cell, ResidualSpec("squared", block_px=4)).numpy()
    assert found.shape == (1, 4, 4, 1)
    # At the corner a square is cut to what there is of it.
    assert found[0, 0, 0, 0] == pytest.approx(1 / 9)
    assert (found > 0).sum() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"kind": "brighter"},
            "residual.kind is 'brighter'; known: squared, darker, saturated",
        ),
        ({"levels": 1}, "at least 2 levels or 0 for all"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"rim_px": -1}, "rim_px is -1"),
        ({"block_px": 0}, "block_px 0"),
    ],
)
def test_residual_that_means_nothing_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ResidualSpec(**settings)


def test_networks_refuse_what_they_cannot_be() -> None:
    for name in ("grey_autoencoder", "variational_autoencoder", "transformer_autoencoder"):
        with pytest.raises(ConfigError, match="a grey network sees no colour"):
            build(replace(SPECS[name], residual=ResidualSpec("stained")))
    with pytest.raises(ConfigError, match="a multiple of 8 px; got 30"):
        build(SPECS["grey_autoencoder"], 30)
    with pytest.raises(ConfigError, match="features have no direction"):
        build(replace(SPECS["feature_pair"], residual=ResidualSpec("darker")))
    with pytest.raises(ConfigError, match=r"patch and strides must shrink the side by 8"):
        build(replace(SPECS["feature_pair"], widths=(8, 8), strides=(2, 1)))


def test_objective_refuses_other_networks_and_validation_losses() -> None:
    recipe = reconstructing(SPECS["grey_autoencoder"])
    other = build(ModelSpec("novelty_cnn", widths=(8,), strides=(2,)))
    with pytest.raises(ConfigError, match="novelty_cnn lacks reconstruction, target"):
        objective_of(recipe, other, 2, np.ones(2, np.float32))
    best = replace(recipe, fit=FitSpec(1, 8, 1e-3, keep_best=True))
    with pytest.raises(ConfigError, match="a network that reconstructs has not; leave them out"):
        objective_of(best, build(recipe.model), 2, np.ones(2, np.float32))
