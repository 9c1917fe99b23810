"""A tiny network, its INT8 file, drawn crops, and a stand-in for a peer: small, but real."""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.quantise import quantise_int8
from edge.cameras.smear import draw_cell
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import U8Array
from train.models import build_model
from train.recipe_parts import ModelSpec
from train.scores import Scores

SIZE_PX = 24


def drawn_crops(cells: int, size_px: int = SIZE_PX) -> U8Array:
    """(cells,S,S,3) uint8 RGB, every second one infected."""
    drawn = [
        draw_cell("trophozoite" if seed % 2 else "uninfected", seed, 40) for seed in range(cells)
    ]
    images, masks = zip(*drawn, strict=True)
    return prepare_batch(images, Preprocessing(size_px), masks)


def tiny_network(n_outputs: int = 1) -> Any:
    """A plain_cnn with fresh weights."""
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    spec = ModelSpec("plain_cnn", widths=(8, 12), strides=(2, 2))
    return build_model(spec, Preprocessing(SIZE_PX), n_outputs)


def tiny_int8(model: Any) -> bytes:
    """Its full INT8 file."""
    return quantise_int8(model, drawn_crops(16), 1 / 255)


def peer_file(columns: int, size_px: int = 16) -> bytes:
    """A float TFLite of one dense layer with softmax (two columns) or sigmoid (one)."""
    import tensorflow as tf
    import tf_keras
    from tf_keras import layers

    tf_keras.utils.set_random_seed(2)
    image = layers.Input((size_px, size_px, 3))
    x = layers.Conv2D(4, 3, 2, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(x)
    out = layers.Dense(columns, activation="softmax" if columns > 1 else "sigmoid")(x)
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(tf_keras.Model(image, out)).convert()
    return content


def pooled(logit: np.ndarray, per_patient: int = 4) -> Scores:
    """Scores of `drawn_crops`; each patient has `per_patient` cells in a row."""
    rows = np.arange(len(logit))
    return Scores(
        np.array([f"cell{row:03}" for row in rows]),
        np.array([f"P{row // per_patient}" for row in rows]),
        (rows % 2).astype(np.int8),
        np.asarray(logit, np.float32),
    )
