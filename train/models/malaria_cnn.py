"""The small network of most malaria tutorials: three convolutions, one dense layer (source A).

It flattens, so it has no class activation map; Grad-CAM explains it. Its sigmoid is the logit's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import dense_logit

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS = (32, 64, 128)
HIDDEN = 128


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit`; 150 px in the source."""
    from tf_keras import Model, layers

    inputs = x = layers.Input((size_px, size_px, 3), name="image")
    for index, width in enumerate(WIDTHS):
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(HIDDEN, activation="relu", name="head_hidden")(x)
    return Model(inputs, dense_logit(x, n_outputs, spec.dropout), name="malaria_cnn")
