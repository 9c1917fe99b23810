"""Networks that enlarge twofold: shapes, any size, and what folding for a device changes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edge.contract.errors import ConfigError
from train.models import plain_superres
from train.models.superres import ENHANCERS, beside_bicubic, build_enhancer, image_input
from train.superres.recipe import RECIPES_DIR, EnhancerSpec, load_enhancer_recipe

SPECS = {
    "espcn": EnhancerSpec("espcn", width=8),
    "fsrcnn": EnhancerSpec("fsrcnn", width=8, shrunk=4),
    "plain_superres": EnhancerSpec("plain_superres", width=16, blocks=2, hidden=8),
    "rcan": EnhancerSpec("rcan", width=8, groups=2, blocks=1, reduction=4),
    "swinir": EnhancerSpec("swinir", width=8, groups=1, blocks=2, heads=2),
}


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((1, height, width, 3), np.float32)


@pytest.mark.parametrize("name", ENHANCERS)
def test_every_network_doubles_any_size(name: str) -> None:
    model = build_enhancer(SPECS[name])
    for height, width in ((8, 8), (16, 24)):
        assert model(picture(height, width)).shape == (1, 2 * height, 2 * width, 3)
    assert build_enhancer(SPECS[name], 16).output_shape == (None, 32, 32, 3)


@pytest.mark.parametrize("name", ENHANCERS)
def test_every_weight_that_learns_has_a_gradient(name: str) -> None:
    import tensorflow as tf

    model, image = build_enhancer(SPECS[name]), picture(16, 16)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(image, training=True) - 0.3))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("path", sorted(RECIPES_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_builds(path: Any) -> None:
    recipe = load_enhancer_recipe(str(path))
    weights = build_enhancer(recipe.model).count_params()
    # The paper's RCAN has 15.6 million.
    assert (15_000_000 < weights < 16_000_000) if path.stem == "rcan-full" else weights > 1000
    assert recipe.parts == ("train",)


def test_the_base_is_opencv_s_bicubic() -> None:
    import tensorflow as tf
    from tf_keras import Model

    image = image_input(None)
    nothing = tf.zeros_like(tf.repeat(tf.repeat(image, 2, axis=1), 2, axis=2))
    model = Model(image, beside_bicubic(image, nothing, opencv=True))
    shown = np.random.default_rng(1).integers(0, 256, (7, 11, 3), np.uint8)
    expected = cv2.resize(shown, (22, 14), interpolation=cv2.INTER_CUBIC)
    found = model(shown[None].astype(np.float32)).numpy()[0]
    assert np.abs(np.clip(found, 0, 255) - expected).max() <= 0.51


def test_folded_network_gives_the_same_residual() -> None:
    spec = SPECS["plain_superres"]
    model, image = build_enhancer(spec), picture(16, 16)
    for weight in model.trainable_variables:
        weight.assign_add(0.05 * np.random.default_rng(2).standard_normal(weight.shape))
    folded = plain_superres.deployed(model, spec, 16)
    from tf_keras import Model

    base = Model(model.input, model.get_layer("bicubic").output)
    expected = model(image).numpy() - base(image).numpy()
    assert np.abs(expected).max() > 0.01
    assert np.allclose(folded(image).numpy(), expected, atol=1e-5)


def test_a_window_does_not_see_the_other_edge() -> None:
    """Shifted windows wrap round; what comes from beyond the edge must not be looked at."""
    model = build_enhancer(SPECS["swinir"])
    one, other = picture(24, 24), picture(24, 24)
    other[:, :, -4:] = 1 - other[:, :, -4:]
    changed = np.abs(model(one).numpy() - model(other).numpy()).max(axis=(0, 1, 3))
    assert changed[-8:].max() > 1e-4
    assert changed[:4].max() < 1e-5


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (EnhancerSpec("unknown"), "model.name is 'unknown'"),
        (EnhancerSpec("rcan", width=4, reduction=8), "reduction is 8"),
        (EnhancerSpec("plain_superres", blocks=0), "blocks is 0"),
        (EnhancerSpec("swinir", width=9, heads=2), "heads is 2"),
        (EnhancerSpec("swinir", width=8, window_px=5), "window_px is 5"),
    ],
)
def test_what_cannot_be_built_is_refused(spec: EnhancerSpec, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_enhancer(spec)
