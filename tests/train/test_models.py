"""Networks against their papers: sizes, costs, maps, precision, and the weights they start from."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing
from tests.support.drawn_task import PLAIN, tiny_recipe
from train.datasets.base import DATASETS
from train.models import HEAD_LAYERS, MODELS, NOVELTY_MODELS, build_model
from train.models.cost import cost_of, ms_per_image
from train.models.units import grouped_convolution
from train.networks import build_for
from train.recipe import RECIPES_DIR, load_recipe
from train.recipe_parts import ModelSpec

pytestmark = pytest.mark.train
SMALL = Preprocessing(size_px=32)


def build(name: str, size_px: int, n_outputs: int = 1, **choices: Any) -> Any:
    spec = PLAIN if name == PLAIN.name else ModelSpec(name, **choices)
    return importlib.import_module(MODELS[name]).build(size_px, n_outputs, spec)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # As torchvision and timm count them, with 1000 classes.
        ("resnet18", 11_689_512),
        ("shufflenet_v2", 2_278_604),
        ("efficientnet_lite0", 4_652_008),
        # 5.2 M in the paper; its head is counted here as 384 x 1000 + 1000.
        ("regnet", 5_157_512),
    ],
)
def test_network_has_the_parameters_of_its_paper(name: str, parameters: int) -> None:
    assert cost_of(build(name, 128, 1000)).parameters == parameters


@pytest.mark.parametrize(
    ("name", "macs"), [("resnet18", 1814.1e6), ("shufflenet_v2", 145.9e6), ("regnet", 398e6)]
)
def test_network_costs_what_its_paper_says_at_224_px(name: str, macs: float) -> None:
    model = build(name, 224, 1000)
    # The map applies the last layer at each of 7 x 7 places; the papers pool first.
    per_place = model.get_layer("cam").kernel.shape[2] * 1000
    assert cost_of(model).macs - 48 * per_place == pytest.approx(macs, rel=0.01)


def test_grouped_convolution_is_the_same_sum_while_it_trains() -> None:
    import tensorflow as tf
    from tf_keras import layers

    x = tf.random.stateless_normal((2, 9, 9, 12), (1, 2))
    grouped = grouped_convolution()(24, 3, 2, padding="same", groups=3, use_bias=False)
    plain = layers.Conv2D(24, 3, 2, padding="same", groups=3, use_bias=False)
    expected, gradients = None, []
    for layer, training in ((grouped, False), (grouped, True)):
        with tf.GradientTape() as tape:
            out = layer(x, training=training)
            loss = tf.reduce_sum(out**2)
        gradients.append(tape.gradient(loss, layer.kernel).numpy())
        expected = out.numpy() if expected is None else expected
        assert np.allclose(out, expected, atol=1e-5)
    plain(x)
    plain.set_weights([grouped.kernel.numpy()])
    assert np.allclose(plain(x), expected, atol=1e-5)
    assert np.allclose(*gradients, rtol=1e-4, atol=1e-4)


def test_cost_is_the_hand_count() -> None:
    from tf_keras import Model, layers

    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, 2, padding="same")(inputs)  # 4 x 4 places of 3 x 3 x 3 x 4
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)  # 4 x 4 of 3 x 3 x 4
    x = layers.Conv2D(6, 1, groups=2, use_bias=False)(x)  # 4 x 4 of 2 x 6
    x = layers.Dense(5)(layers.Flatten()(x))  # 96 x 5
    cost = cost_of(Model(inputs, {"logit": x}))
    assert cost.macs == 16 * 108 + 16 * 36 + 16 * 12 + 480
    assert cost.parameters == (108 + 4) + 8 + 36 + 12 + (480 + 5)


def test_cost_of_a_shared_layer_counts_every_call() -> None:
    from tf_keras import Model, layers

    inputs, shared = layers.Input((4, 4, 3)), layers.Conv2D(3, 1, use_bias=False)
    assert cost_of(Model(inputs, shared(shared(inputs)))).macs == 2 * 16 * 9


def test_cost_of_an_unknown_layer_is_refused() -> None:
    from tf_keras import Model, layers

    inputs = layers.Input((4, 3))
    with pytest.raises(DataError, match="LSTM; its cost is not known"):
        cost_of(Model(inputs, layers.LSTM(2)(inputs)))


def test_every_network_is_timed_in_turn() -> None:
    turns: list[int] = []

    class Counting:
        input_shape = (None, 8, 8, 3)

        def __init__(self, index: int) -> None:
            self.index = index

        def __call__(self, image: Any, training: bool) -> dict[str, Any]:
            import tensorflow as tf

            def note() -> None:
                turns.append(self.index)

            tf.py_function(note, [], [])
            return {"logit": image[:, 0, 0, :1]}

    taken = ms_per_image([Counting(0), Counting(1)], rounds=3)
    assert all(value > 0 for value in taken)
    assert len(taken) == 2
    assert turns == [0, 1] * (len(turns) // 2)
    assert len(turns) > 2 * 3


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"efficientnet_b4", *NOVELTY_MODELS}))
def test_logit_is_float32_in_bfloat16_and_the_mean_of_its_map(name: str) -> None:
    from tf_keras import layers

    recipe = tiny_recipe(PLAIN if name == PLAIN.name else ModelSpec(name))
    recipe = replace(recipe, fit=replace(recipe.fit, precision="mixed_bfloat16"))
    model = build_for(recipe, 3)
    out = model(np.random.default_rng(0).random((2, 32, 32, 3), np.float32), training=True)
    assert out["logit"].dtype == "float32"
    assert out["logit"].shape == (2, 3)
    assert np.isfinite(out["logit"].numpy()).all()
    convolution = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    assert convolution.compute_dtype == "bfloat16"
    assert ("cam" in out) == (name not in {"malaria_cnn", "xray_cnn"})
    if "cam" in out:
        mean = out["cam"].numpy().mean(axis=(1, 2))
        np.testing.assert_allclose(out["logit"], mean, rtol=1e-4, atol=1e-5)


def test_shuffle_alternates_the_channels_of_both_halves() -> None:
    import tensorflow as tf
    from tf_keras import Input, Model

    from train.models.shufflenet_v2 import _shuffled

    first, second = Input((1, 1, 3)), Input((1, 1, 3))
    model = Model([first, second], _shuffled(first, second, "x"))
    ones = tf.reshape(tf.range(3, dtype=tf.float32), (1, 1, 1, 3))
    assert model([ones, ones + 10]).numpy().ravel().tolist() == [0, 10, 1, 11, 2, 12]


def test_xray_network_penalises_large_weights() -> None:
    model = build("xray_cnn", 32)
    assert len(model.losses) == 5
    assert all(float(loss) > 0 for loss in model.losses)


def shipped(*, in_phases: bool) -> list[str]:
    names = sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))
    return [name for name in names if (load_recipe(name).fit.unfreeze_last > 0) == in_phases]


@pytest.mark.parametrize("name", shipped(in_phases=False))
def test_shipped_recipe_names_a_network_and_a_data_set(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.model.name in MODELS
    assert recipe.dataset in DATASETS
    assert (recipe.preprocessing.mask == "none") == recipe.task.startswith("cxr")
    assert (recipe.image_augmentation is not None) or recipe.task.startswith("malaria")


@pytest.mark.parametrize("name", shipped(in_phases=True))
def test_second_phase_fits_the_head_and_the_last_30_layers_below(name: str) -> None:
    recipe = load_recipe(name)
    spec = recipe.model
    if spec.name == "efficientnet_b4":
        spec = replace(spec, weights="")
    layers = build_model(spec, SMALL, 3).layers
    heads = [layer.name.startswith(HEAD_LAYERS) for layer in layers]
    assert heads == sorted(heads)
    assert recipe.fit.unfreeze_last == 30 + sum(heads)
    assert recipe.fit.frozen_epochs > 0


def test_b4_sees_imagenet_statistics_from_a_given_file(tmp_path: Path) -> None:
    from tf_keras import Model

    from train.models.efficientnet_b4 import DEVIATION, MEAN

    # Keras's published file keeps the deviation in the place of the variance.
    base = Model(*_base_of_b4())
    norm = next(layer for layer in base.layers if layer.name.startswith("normalization"))
    weights = [np.array(MEAN), np.array(DEVIATION), np.array(0)]
    norm.set_weights(weights[: len(norm.weights)])
    path = tmp_path / "efficientnetb4_notop.h5"
    base.save_weights(path)
    model = build("efficientnet_b4", 32, 3, weights=str(path))
    stem = Model(model.input, model.get_layer("stem_conv_pad").input)
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    expected = (image - np.array(MEAN)) / np.array(DEVIATION)
    np.testing.assert_allclose(stem(image), expected, atol=1e-4)


def _base_of_b4() -> tuple[Any, Any]:
    from tf_keras.applications import EfficientNetB4

    base = EfficientNetB4(False, None, input_shape=(32, 32, 3))
    return base.input, base.output


def test_unknown_network_and_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.name is 'vgg16'; known: .*resnet18"):
        build_model(ModelSpec("vgg16"), SMALL)
    with pytest.raises(ConfigError, match="resnet18 starts from random weights"):
        build_model(ModelSpec("resnet18", weights="imagenet"), SMALL)
    missing = str(tmp_path / "none.pth")
    with pytest.raises(ConfigError, match=r"none.pth': there is no such file"):
        build_model(ModelSpec("efficientnet_lite0", weights=missing), SMALL)
    with pytest.raises(ConfigError, match=r"none.pth': there is no such file"):
        build_model(ModelSpec("efficientnet_b4", weights=missing), SMALL)
    with pytest.raises(ConfigError, match=r"none.weights.h5': there is no such file"):
        build_model(replace(PLAIN, weights=str(tmp_path / "none.weights.h5")), SMALL)


def test_b4_without_a_network_says_what_else_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # A port on this machine that nobody listens on: the download fails wherever this runs.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "127.0.0.1:9")
    # urllib keeps the opener that it builds from these: every later test of this process that
    # asks a server on this machine would be sent to that port.
    monkeypatch.setattr("urllib.request._opener", None)
    with pytest.raises(ConfigError, match=r"could not fetch.*give the path"):
        build_model(ModelSpec("efficientnet_b4", weights="imagenet"), SMALL)


def test_run_weights_start_another_task_but_no_other_network(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    first = build_model(PLAIN, SMALL, 1)
    first.save_weights(path)
    second = build_model(replace(PLAIN, weights=str(path)), SMALL, 4)
    np.testing.assert_array_equal(second.layers[1].kernel, first.layers[1].kernel)
    assert second.output_shape["logit"] == (None, 4)
    other = replace(PLAIN, widths=(8, 24), weights=str(path))
    with pytest.raises(DataError, match=r"a.weights.h5 is of another network than plain_cnn"):
        build_model(other, SMALL)
    with pytest.raises(DataError, match="of another network than resnet18"):
        build_model(ModelSpec("resnet18", weights=str(path)), SMALL)
    path.write_bytes(b"no HDF5")
    with pytest.raises(DataError, match="cannot be read as weights of a run"):
        build_model(replace(PLAIN, weights=str(path)), SMALL)
