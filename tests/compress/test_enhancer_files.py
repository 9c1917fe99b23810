"""Enhancers as INT8 files: exact ends, an exact anchor, and what cannot be made is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compress.superres.aware import aware_copy, tune_aware
from compress.superres.equalise import equalise
from compress.superres.export import (
    TileNetwork,
    describe_tflite,
    float_tflite,
    int8_tflite,
    tile_network,
)
from compress.superres.float_files import run_float_onnx, run_float_tflite
from compress.superres.onnx_files import describe_onnx, float_onnx, int8_onnx
from compress.superres.recipe import AwareSpec
from compress.superres.systems import float_run, open_file
from compress.tflite import operations
from edge.contract.errors import DataError
from edge.contract.manifest import ENLARGED, RESIDUAL
from edge.contract.residual import bicubic
from edge.contract.types import U8Array
from tests.support.drawn_enhancer import draw_pictures
from train.models.superres import build_enhancer, opencv_bicubic, to_pixels
from train.recipe_parts import FitSpec
from train.superres.measures import psnr
from train.superres.pairs import HighRes, Patches
from train.superres.recipe import EnhancerRecipe, EnhancerSpec

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("quick_graphs"),
]

SIDE = 32
PLAIN = EnhancerSpec("plain_superres", width=8, blocks=1, hidden=8)


def recipe_of(model: EnhancerSpec = PLAIN, **changes: Any) -> EnhancerRecipe:
    fit = FitSpec(epochs=1, batch_size=4, learning_rate=1e-3)
    return EnhancerRecipe(0, 1, model, fit, patch_px=16, steps=4, **changes)


def fitted(recipe: EnhancerRecipe, *, spread: float = 0.05) -> Any:
    """A model whose residual is not nothing."""
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    model = build_enhancer(recipe.model)
    head = model.get_layer("head")
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(0, spread, one.shape) for one in head.get_weights()])
    return model


@pytest.fixture(scope="module")
def tiles() -> U8Array:
    return draw_pictures(6, 1, SIDE)


@pytest.fixture(scope="module")
def network() -> TileNetwork:
    return tile_network(recipe_of(), fitted(recipe_of()), SIDE)


@pytest.fixture(scope="module")
def tflite(network: TileNetwork, tiles: U8Array) -> bytes:
    return int8_tflite(network, tiles)


@pytest.fixture(scope="module")
def onnx(network: TileNetwork, tiles: U8Array) -> bytes:
    return int8_onnx(float_onnx(network), tiles)


def test_what_is_only_for_fitting_is_folded_away() -> None:
    model = fitted(recipe_of())
    image = np.random.default_rng(1).random((1, SIDE, SIDE, 3), np.float32)
    network = tile_network(recipe_of(), model, SIDE)
    summed = network.model(image) + opencv_bicubic(image)
    np.testing.assert_allclose(summed, model(image), atol=1e-4)
    assert network.output == RESIDUAL
    assert network.model.count_params() < model.count_params()


def test_other_networks_keep_their_weights() -> None:
    recipe = recipe_of(EnhancerSpec("espcn", width=8))
    model = build_enhancer(recipe.model)
    image = np.random.default_rng(1).random((1, SIDE, SIDE, 3), np.float32)
    network = tile_network(recipe, model, SIDE)
    assert network.output == ENLARGED
    np.testing.assert_allclose(network.model(image), model(image), atol=1e-5)


def test_tflite_is_integer_throughout_with_ends_of_grey_levels(tflite: bytes) -> None:
    weights = describe_tflite(tflite, RESIDUAL, file="a.tflite", parent="0" * 64)
    assert (weights.role, weights.inputs[0].shape) == ("enhancer", (-1, SIDE, SIDE, 3))
    made = weights.output(RESIDUAL)
    assert (made.shape, made.zero_point) == ((-1, 2 * SIDE, 2 * SIDE, 3), 0)
    found = operations(tflite)
    assert not any(operation.is_float for operation in found)
    # Nothing clips and nothing is quantised anew: the ends saturate by themselves.
    assert [operation.kind for operation in found] == [
        "SPACE_TO_DEPTH", "CONV_2D", "CONV_2D", "DEPTH_TO_SPACE",
    ]  # fmt: skip


def test_files_are_near_float_on_each_runtime(
    network: TileNetwork, tflite: bytes, onnx: bytes, tiles: U8Array
) -> None:
    parent = float_run(network)(tiles)
    for weights, content in (
        (describe_tflite(tflite, RESIDUAL, file="a.tflite", parent=""), tflite),
        (describe_onnx(onnx, file="a.onnx", parent=""), onnx),
    ):
        assert psnr(parent[0], open_file(weights, content).enlarge(tiles)[0]) > 36


@pytest.mark.parametrize("name", ["plain_superres", "espcn"])
def test_float_files_are_float(name: str, tiles: U8Array) -> None:
    recipe = recipe_of(EnhancerSpec(name, width=8))
    network = tile_network(recipe, build_enhancer(recipe.model), SIDE)
    parent = float_run(network)(tiles).astype(int)
    for run in (
        run_float_tflite(float_tflite(network), network.output),
        run_float_onnx(float_onnx(network), network.output),
    ):
        assert np.abs(run(tiles) - parent).max() <= 1
        np.testing.assert_array_equal(run(tiles)[:1], run(tiles[:1]))


def test_a_network_that_adds_nothing_is_bicubic_in_int8(tiles: U8Array) -> None:
    recipe = recipe_of()
    network = tile_network(recipe, fitted(recipe, spread=0.0), SIDE)
    expected = np.stack([bicubic(tile) for tile in tiles])
    tflite, onnx = int8_tflite(network, tiles), int8_onnx(float_onnx(network), tiles)
    for weights, content in (
        (describe_tflite(tflite, RESIDUAL, file="a.tflite", parent=""), tflite),
        (describe_onnx(onnx, file="a.onnx", parent=""), onnx),
    ):
        np.testing.assert_array_equal(open_file(weights, content).enlarge(tiles), expected)


def test_a_network_that_gives_the_picture_keeps_every_grey_level(tiles: U8Array) -> None:
    from tf_keras import layers

    twice = TileNetwork(built(layers.UpSampling2D()), ENLARGED)
    content = int8_tflite(twice, tiles)
    weights = describe_tflite(content, ENLARGED, file="a.tflite", parent="")
    found = open_file(weights, content).enlarge(tiles)
    np.testing.assert_array_equal(found, tiles.repeat(2, axis=1).repeat(2, axis=2))
    with pytest.raises(DataError, match=r"zero point -128; expected int8, 0\.003922, 0"):
        describe_tflite(content, RESIDUAL, file="a.tflite", parent="")


def test_the_same_network_gives_the_same_bytes(
    network: TileNetwork, tflite: bytes, onnx: bytes, tiles: U8Array
) -> None:
    assert int8_tflite(network, tiles) == tflite
    assert int8_onnx(float_onnx(network), tiles) == onnx


def test_files_with_other_ends_are_refused(network: TileNetwork) -> None:
    with pytest.raises(DataError, match=r"image is float32 with scale 0\.0"):
        describe_tflite(float_tflite(network), RESIDUAL, file="f.tflite", parent="")
    with pytest.raises(DataError, match=r"'float32'.*int8_onnx"):
        describe_onnx(float_onnx(network), file="f.onnx", parent="")


def built(make: Callable[[Any], Any]) -> Any:
    from tf_keras import Model, layers

    image = layers.Input((SIDE, SIDE, 3), name="image")
    return Model(image, make(image), name="built")


def test_a_network_that_does_not_enlarge_is_refused(tiles: U8Array) -> None:
    from tf_keras import layers

    same = TileNetwork(built(layers.Conv2D(3, 3, padding="same")), ENLARGED)
    content = int8_tflite(same, tiles)
    with pytest.raises(DataError, match=r"makes \(-1, 32, 32, 3\) of \(-1, 32, 32, 3\)"):
        describe_tflite(content, ENLARGED, file="same.tflite", parent="")


def test_a_deconvolution_may_come_last(tiles: U8Array) -> None:
    from tf_keras import layers

    network = TileNetwork(built(layers.Conv2DTranspose(3, 9, 2, padding="same")), ENLARGED)
    tflite, onnx = int8_tflite(network, tiles), int8_onnx(float_onnx(network), tiles)
    parent = float_run(network)(tiles)
    for weights, content in (
        (describe_tflite(tflite, ENLARGED, file="a.tflite", parent=""), tflite),
        (describe_onnx(onnx, file="a.onnx", parent=""), onnx),
    ):
        assert psnr(parent[0], open_file(weights, content).enlarge(tiles)[0]) > 36


def test_operations_that_onnx_has_not_are_named() -> None:
    recipe = recipe_of(EnhancerSpec("swinir", width=8))
    network = tile_network(recipe, build_enhancer(recipe.model), SIDE)
    with pytest.raises(DataError, match="Erfc"):
        float_onnx(network)


def _sine(x: Any) -> Any:
    import tensorflow as tf

    return tf.sin(x)


def test_operations_that_stay_in_float_are_refused(tiles: U8Array) -> None:
    from tf_keras import layers

    def head(x: Any) -> Any:
        return layers.Conv2D(12, 3, padding="same")(x)

    late = built(lambda image: layers.Lambda(_sine)(to_pixels(head(image))))
    early = built(lambda image: to_pixels(head(layers.Lambda(_sine)(image))))
    for made in (late, early):
        with pytest.raises(DataError, match="full INT8"):
            int8_tflite(TileNetwork(made, ENLARGED), tiles)
    with pytest.raises(DataError, match="Sin gives the output in float"):
        int8_onnx(float_onnx(TileNetwork(late, ENLARGED)), tiles)
    with pytest.raises(DataError, match="Sin reads the image in float"):
        int8_onnx(float_onnx(TileNetwork(early, ENLARGED)), tiles)


def test_equalised_channels_compute_the_same_and_reach_one(tiles: U8Array) -> None:
    from tf_keras import Model

    recipe = recipe_of(EnhancerSpec("plain_superres", width=8, blocks=2, hidden=8))
    network, as_it_was = (tile_network(recipe, fitted(recipe), None) for _ in range(2))
    equalise(network, tiles)
    image = tiles.astype(np.float32) / 255
    np.testing.assert_allclose(network.model(image), as_it_was.model(image), atol=1e-5)
    for name in ("trunk0", "trunk1"):
        seen = Model(network.model.inputs, network.model.get_layer(name).output)(image).numpy()
        most = seen.max(axis=(0, 1, 2))
        assert np.all((most < 1e-6) | (np.abs(most - 1) < 1e-5)) and most.max() > 0.9


def test_a_map_that_two_layers_read_is_left_alone(tiles: U8Array) -> None:
    from tf_keras import layers

    def shared(image: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
        return layers.Add()([layers.Conv2D(4, 1)(x), x])

    network = TileNetwork(built(shared), ENLARGED)
    before = network.model.get_weights()
    equalise(network, tiles)
    for now, was in zip(network.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, was)


def cells() -> list[HighRes]:
    return [
        HighRes(f"{index}", "p", 0, "nih-cells", image)
        for index, image in enumerate(draw_pictures(4, 2, 2 * SIDE))
    ]


def test_aware_copy_says_beforehand_what_the_file_gives(tiles: U8Array) -> None:
    recipe = recipe_of()
    network = tile_network(recipe, fitted(recipe), SIDE)
    image = tiles[:1].astype(np.float32) / 255
    rounded = aware_copy(network.model, tiles)(image).numpy()
    exact = network.model(image).numpy()
    content = int8_tflite(network, tiles)
    weights = describe_tflite(content, RESIDUAL, file="a.tflite", parent="")
    file = open_file(weights, content).enlarge(tiles[:1])[0]

    def apart(residual: np.ndarray) -> float:
        summed = bicubic(tiles[0]) + np.rint(255 * residual[0])
        return float(np.abs(np.clip(summed, 0, 255) - file).mean())

    assert apart(rounded) < apart(exact) < 3


def test_training_with_quantisation_changes_every_weight(tiles: U8Array) -> None:
    recipe = recipe_of()
    network = tile_network(recipe, fitted(recipe), None)
    before = network.model.get_weights()
    tune_aware(network, Patches(cells(), recipe), tiles, recipe, AwareSpec(1, 1e-2))
    changed = [
        np.abs(a - b).max() for a, b in zip(network.model.get_weights(), before, strict=True)
    ]
    assert min(changed) > 1e-4


def test_training_with_quantisation_is_refused_where_it_cannot_be(tiles: U8Array) -> None:
    from tf_keras import layers

    recipe = recipe_of()
    patches = Patches(cells(), recipe)
    with pytest.raises(DataError, match=r"loss is .* lower it"):
        tune_aware(
            tile_network(recipe, fitted(recipe), None), patches, tiles, recipe, AwareSpec(2, 1e38)
        )
    bare = TileNetwork(built(layers.UpSampling2D()), ENLARGED)
    with pytest.raises(DataError, match="built has no convolution"):
        tune_aware(bare, patches, tiles, recipe, AwareSpec(1, 1e-3))
