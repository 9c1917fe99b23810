"""Pruning: cut channels leave the outputs where they gave nothing, and zeros are really zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.channel_chain import read_chain
from compress.prune_channels import (
    CHANNEL_STEP,
    prune_channels,
    rank_channels,
    uniform_widths,
    widths_for_budget,
    write_start,
)
from compress.prune_magnitude import measure_sparsity, prune_magnitude, zipped_bytes
from compress.quantise import quantise_int8
from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing, prepare_batch
from train.batches import LabelledCrops
from train.models import build_model
from train.models.cost import cost_of
from train.models.heads import cam_head
from train.models.units import grouped_convolution
from train.recipe import Recipe, load_recipe
from train.recipe_parts import FitSpec, ModelSpec

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]

SPEC = ModelSpec("plain_cnn", widths=(8, 16, 12), strides=(2, 1, 2))
SIZE = Preprocessing(16)
RNG = np.random.default_rng(3)
IMAGES = RNG.random((6, 16, 16, 3)).astype(np.float32)


def fitted_looking(spec: ModelSpec = SPEC, n_outputs: int = 1) -> Any:
    """A network whose batch norms have been somewhere; each channel with an effect of its own."""
    rng = np.random.default_rng(7)
    model = build_model(spec, SIZE, n_outputs)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            n = layer.gamma.shape[0]
            layer.gamma.assign(rng.uniform(0.5, 2, n))
            layer.beta.assign(rng.normal(0.3, 0.5, n))
            layer.moving_mean.assign(rng.normal(0, 0.3, n))
            layer.moving_variance.assign(rng.uniform(0.2, 1, n))
    return model


def silence(model: Any, dead: dict[int, Sequence[int]], beta: float = 0.0) -> None:
    for index, channels in dead.items():
        norm = read_chain(model).norms[index]
        for name, value in (("gamma", 0.0), ("beta", beta)):
            values = np.array(getattr(norm, name))
            values[list(channels)] = value
            getattr(norm, name).assign(values)


def outputs(model: Any) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model(IMAGES, training=False).items()}


@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, patch=2)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_cutting_dead_channels_changes_no_output(spec: ModelSpec, n_outputs: int) -> None:
    model = fitted_looking(spec, n_outputs)
    silence(model, {0: [1, 6], 1: [0, 3, 9], 2: [11]})
    smaller, cut = prune_channels(model, replace(spec, weights="old.weights.h5"), (6, 13, 11))
    assert (cut.widths, cut.weights, cut.strides) == ((6, 13, 11), "", spec.strides)
    before, after = outputs(model), outputs(smaller)
    assert after.keys() == {"logit", "cam"}
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=2e-5)
    assert cost_of(smaller).macs < cost_of(model).macs


def test_constant_channel_goes_into_the_next_layer() -> None:
    model = fitted_looking()
    silence(model, {2: [4, 5]}, beta=0.8)
    smaller, _ = prune_channels(model, SPEC, (8, 16, 10))
    for name, value in outputs(model).items():
        np.testing.assert_allclose(outputs(smaller)[name], value, atol=2e-5)


def test_keeping_all_gives_the_same_network() -> None:
    model = fitted_looking()
    same, spec = prune_channels(model, SPEC, 1.0)
    assert spec == SPEC
    for name, value in outputs(model).items():
        np.testing.assert_allclose(outputs(same)[name], value, atol=1e-5)


def test_importance_is_of_one_norm_and_least_for_quiet_channels() -> None:
    model = fitted_looking()
    silence(model, {1: [2, 7]}, beta=0.4)
    for importance in rank_channels(model):
        assert np.linalg.norm(importance.share) == pytest.approx(1)
    middle = rank_channels(model)[1]
    assert set(np.argsort(middle.share)[:2]) == {2, 7}
    np.testing.assert_allclose(middle.mean[[2, 7]], 0.4, atol=1e-6)


def test_chain_costs_are_those_of_the_built_network() -> None:
    chain = read_chain(fitted_looking())
    other = build_model(replace(SPEC, widths=(4, 8, 8)), SIZE, 1)
    assert chain.macs((4, 8, 8)) == cost_of(other).macs
    crops = (IMAGES * 255).astype(np.uint8)
    size = len(quantise_int8(other, crops, SIZE.scale))
    assert chain.int8_bytes((4, 8, 8)) == pytest.approx(size, rel=0.02)


def test_widths_within_a_budget_take_the_least_worth_first() -> None:
    model = fitted_looking()
    chain = read_chain(model)
    macs, size = chain.macs(chain.widths), chain.int8_bytes(chain.widths)
    widths = widths_for_budget(model, max_macs=macs // 2, max_bytes=size - 500)
    assert chain.macs(widths) <= macs // 2
    assert chain.int8_bytes(widths) <= size - 500
    assert widths_for_budget(model, max_macs=macs) == chain.widths
    silence(model, {1: range(8)})
    assert widths_for_budget(model, max_macs=macs - 1)[1] == 16 - CHANNEL_STEP


def test_budget_that_no_width_meets_is_refused() -> None:
    with pytest.raises(DataError, match=r"widths \[4, 4, 4\] still take .* over the budget of 99"):
        widths_for_budget(fitted_looking(), max_bytes=99)
    with pytest.raises(ConfigError, match="no budget"):
        widths_for_budget(fitted_looking())


def test_network_with_a_branch_is_refused_by_its_layer() -> None:
    model = build_model(ModelSpec("resnet18"), Preprocessing(32), 1)
    with pytest.raises(DataError, match=r"layer '.*' of 'resnet18' branches to .*, "):
        rank_channels(model)


def test_layers_that_hold_no_chain_are_refused() -> None:
    with pytest.raises(DataError, match="layer 'conv0' is a Conv2D: channels are cut only"):
        rank_channels(build_model(ModelSpec("malaria_cnn"), Preprocessing(64), 1))


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0.0, "share of channels to keep is 0.0"),
        (1.5, "share of channels to keep is 1.5"),
        ((8, 16), r"widths to keep are \[8, 16\]; the network has \[8, 16, 12\]"),
        ((8, 17, 12), r"widths to keep are \[8, 17, 12\]"),
        ((8, 16, 0), r"widths to keep are \[8, 16, 0\]"),
    ],
)
def test_shares_and_widths_out_of_range_are_refused(keep: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prune_channels(fitted_looking(), SPEC, keep)


def test_settings_of_another_network_are_refused() -> None:
    with pytest.raises(DataError, match=r"has widths \[8, 16, 12\] but its settings say \[8, 8, 8"):
        prune_channels(fitted_looking(), replace(SPEC, widths=(8, 8, 8)), 0.5)


def test_uniform_widths_are_steps() -> None:
    assert uniform_widths((16, 24, 40, 5), 0.5) == (8, 12, 20, 4)
    assert uniform_widths((3, 6), 0.9) == (3, 4)


def test_fit_starts_from_the_weights_that_were_written(tmp_path: Path) -> None:
    smaller, cut = prune_channels(fitted_looking(), SPEC, 0.5)
    path = tmp_path / "new" / "cut.weights.h5"
    overrides = write_start(smaller, cut, path)
    (tmp_path / "r.toml").write_text(
        'task = "malaria-cells"\ndataset = "nih-cells"\nheld_out_fold = 0\nseed = 1\n'
        "[preprocessing]\nsize_px = 16\n"
        '[model]\nname = "plain_cnn"\nwidths = [8, 16, 12]\nstrides = [2, 1, 2]\n'
        "[fit]\nepochs = 1\nbatch_size = 4\nlearning_rate = 1e-3\n"
    )
    recipe = load_recipe(str(tmp_path / "r.toml"), overrides)
    started = build_model(recipe.model, recipe.preprocessing, 1)
    for name, value in outputs(smaller).items():
        np.testing.assert_allclose(outputs(started)[name], value, atol=1e-6)
    with pytest.raises(ConfigError, match=r"must end in \.weights\.h5"):
        write_start(smaller, cut, tmp_path / "cut.h5")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_start(smaller, cut, tmp_path / "file" / "cut.weights.h5")


def drawn_part(n: int = 32) -> tuple[LabelledCrops, Recipe]:
    kinds = ["trophozoite" if i % 2 else "uninfected" for i in range(n)]
    drawn = [draw_cell(kind, seed, 40) for seed, kind in enumerate(kinds)]
    crops = prepare_batch([image for image, _ in drawn], SIZE, [mask for _, mask in drawn])
    labels = np.array([i % 2 for i in range(n)], np.float32)
    fit = FitSpec(epochs=1, batch_size=8, learning_rate=1e-3, label_smoothing=0.05)
    recipe = Recipe("malaria-cells", "nih-cells", 0, 1, SIZE, SPEC, fit)
    return LabelledCrops(crops, labels), recipe


def test_magnitude_pruning_reaches_its_share_and_zips_smaller() -> None:
    part, recipe = drawn_part()
    spec = replace(SPEC, widths=(8, 24, 24))
    model = fitted_looking(spec)
    before, seen = model.get_weights(), []
    found = [
        prune_magnitude(
            model, part, recipe, sparsity=0.8, epochs=3, rate=1e-3,
            on_epoch=lambda *row: seen.append(row),
        )
        for _ in range(2)
    ]  # fmt: skip
    sparse = found[0].model
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert [layer.name for layer in sparse.layers] == [layer.name for layer in model.layers]
    assert outputs(sparse).keys() == {"logit", "cam"}
    chain = read_chain(sparse)
    shares = [float((np.asarray(layer.kernel) == 0).mean()) for layer in chain.convolutions]
    assert shares == pytest.approx([0, 0.8, 0.8], abs=0.005)
    assert found[0].sparsity == measure_sparsity(sparse) > 0.7
    assert [epoch for epoch, _, _ in seen] == [1, 2, 3] * 2
    assert seen[0][2] < seen[2][2] == pytest.approx(found[0].sparsity)
    # The same seed gives the same weights.
    for a, b in zip(sparse.get_weights(), found[1].model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    files = [quantise_int8(m, part.crops, SIZE.scale) for m in (model, sparse)]
    assert len(files[1]) == pytest.approx(len(files[0]), rel=0.01)
    assert zipped_bytes(files[1]) < 0.7 * zipped_bytes(files[0])
    assert cost_of(sparse) == cost_of(model)


def test_magnitude_pruning_learns_several_classes() -> None:
    part, recipe = drawn_part()
    found = prune_magnitude(
        fitted_looking(n_outputs=3), part, recipe, sparsity=0.5, epochs=1, rate=1e-3
    )
    assert np.isfinite(found.loss)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sparsity": 1.0}, ConfigError, "sparsity is 1.0"),
        ({"epochs": 0}, ConfigError, "epochs 0"),
        ({"rate": 0.0}, ConfigError, "rate 0.0"),
        ({"rate": float("inf")}, DataError, r"loss is (nan|inf) in epoch"),
    ],
)
def test_magnitude_settings_out_of_range_are_refused(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    part, recipe = drawn_part()
    given = {"sparsity": 0.5, "epochs": 2, "rate": 1e-3} | settings
    with pytest.raises(error, match=message):
        prune_magnitude(fitted_looking(), part, recipe, **given)


def test_network_with_nothing_to_prune_or_too_few_crops_is_refused() -> None:
    part, recipe = drawn_part()
    single = fitted_looking(ModelSpec("plain_cnn", (8,), (2,)))
    with pytest.raises(DataError, match=r"has 2 layers with kernels; .* nothing to prune"):
        prune_magnitude(single, part, recipe, sparsity=0.5, epochs=1, rate=1e-3)
    few, _ = drawn_part(4)
    with pytest.raises(ConfigError, match=r"fit\.batch_size is 8, more than the 4 crops"):
        prune_magnitude(single, few, recipe, sparsity=0.5, epochs=1, rate=1e-3)


def test_layer_that_tfmot_does_not_know_is_named() -> None:
    from tf_keras import Model, layers

    part, recipe = drawn_part()
    image = layers.Input((16, 16, 3))
    x = grouped_convolution()(8, 3, groups=2, name="apart")(layers.Conv2D(8, 3)(image))
    model = Model(image, cam_head(x, 1))
    with pytest.raises(DataError, match="layer 'apart' is a GroupedConv2D, which tfmot does not"):
        prune_magnitude(model, part, recipe, sparsity=0.5, epochs=1, rate=1e-3)
