"""A network's own description of each example: what its class activation map is computed from,
averaged over the image. A student can be drawn to it (`[teacher] features` of a recipe)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array, U8Array
from train.batches import SCORING_BATCH
from train.datasets.base import list_examples, load_crops
from train.networks import load_network
from train.oof import write_oof


def pooled_features(model: Any, crops: U8Array, scale: float) -> F32Array:
    """(N,D) of uint8 crops (N,H,W,3).

    Raises:
        ConfigError: the network has no class activation map.
    """
    import tensorflow as tf
    from tf_keras import Model, layers

    if "cam" not in {layer.name for layer in model.layers}:
        raise ConfigError(f"network {model.name!r} has no class activation map to describe by")
    pooled = layers.GlobalAveragePooling2D(dtype="float32")(model.get_layer("cam").input)
    run = tf.function(Model(model.input, pooled), reduce_retracing=True)
    parts = [crops[at : at + SCORING_BATCH] for at in range(0, len(crops), SCORING_BATCH)]
    return np.concatenate([run(part.astype(np.float32) * scale).numpy() for part in parts])


def write_features(run_dir: Path, out: Path, data: Path | None = None) -> int:
    """Features of the run's data set by its network, as `.npz` with `file` and `features`.

    Features of different networks do not compare, so a run is one fold; draw students of the same
    fold to it.

    Returns:
        How many examples were described.

    Raises:
        ConfigError: no run, no weights, or a network without a class activation map.
    """
    recipe, model = load_network(run_dir)
    examples = list_examples(recipe.dataset, data)
    crops = load_crops(examples, recipe.preprocessing, run_dir.parent / "cache")
    features = pooled_features(model, crops, recipe.preprocessing.scale)
    names = np.array([example.name for example in examples])
    write_oof(out, {"file": names, "features": features})
    return len(examples)
