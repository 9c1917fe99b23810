"""Networks and crops that are small enough to be converted in a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge.cameras.smear import draw_cell
from edge.contract.labels import STAGES, UNINFECTED
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import U8Array

SIZE_PX = 16
SCALE = 1 / 255


def tiny_network(n_outputs: int = 1, *, patch: int = 1) -> Any:
    """A plain student of two convolutions with weights and batch norms as after a fit."""
    import tf_keras

    from train.models import build_model
    from train.recipe_parts import ModelSpec

    # As `train.networks.build_for` does: else the weights depend on whether it ran before.
    tf_keras.backend.experimental.enable_tf_random_generator()
    tf_keras.utils.set_random_seed(n_outputs)
    spec = ModelSpec("plain_cnn", widths=(8, 16), strides=(2, 1), dropout=0.1, patch=patch)
    model = build_model(spec, Preprocessing(SIZE_PX), n_outputs)
    rng = np.random.default_rng(n_outputs)
    for layer in model.layers:
        for weight in layer.weights:
            noise = rng.normal(0, 0.15, weight.shape)
            weight.assign_add(abs(noise) if "variance" in weight.name else noise)
    return model


def network_with(operation: Callable[[Any], Any]) -> Any:
    """A network that computes something of its own between two convolutions."""
    from tf_keras import Model, layers

    image = layers.Input((SIZE_PX, SIZE_PX, 3), name="image")
    x = layers.Conv2D(8, 3, 2)(image)
    x = layers.Lambda(operation, name="odd_one")(x)
    cam = layers.Conv2D(1, 1, name="cam")(x)
    return Model(image, {"logit": layers.GlobalAveragePooling2D(name="logit")(cam), "cam": cam})


def tiny_crops(count: int = 24) -> U8Array:
    """Drawn cells, half of them infected, (count, SIZE_PX, SIZE_PX, 3) uint8 RGB."""
    kinds = [UNINFECTED if seed % 2 else STAGES[seed // 2 % 4] for seed in range(count)]
    drawn = [draw_cell(kind, seed) for seed, kind in enumerate(kinds)]
    return prepare_batch(
        [image for image, _ in drawn], Preprocessing(SIZE_PX), [mask for _, mask in drawn]
    )


def float_outputs(model: Any, crops: U8Array) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N,K) and maps (N,h,w,K) of the Keras model."""
    outputs = model(crops.astype(np.float32) * np.float32(SCALE), training=False)
    return outputs["logit"].numpy(), outputs["cam"].numpy()
