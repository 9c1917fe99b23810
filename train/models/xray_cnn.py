"""A chest X-ray network from scratch (source D): convolutions with batch norm and pooling, dropout,
L2, a dense layer. It flattens, so it has no class activation map; Grad-CAM explains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.heads import dense_logit
from train.models.units import normalised

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS = (32, 64, 128, 128)
HIDDEN = 128
L2 = 1e-4
# Early features are shared by all classes; the source drops more the deeper it gets.
DROPOUT = (0.0, 0.1, 0.2, 0.2)


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit`; 128 px in the source.

    The L2 penalty is in `model.losses`, which the fitting loop adds to the loss.
    """
    from tf_keras import Model, layers, regularizers

    inputs = x = layers.Input((size_px, size_px, 3), name="image")
    for index, (width, dropout) in enumerate(zip(WIDTHS, DROPOUT, strict=True)):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_regularizer=regularizers.L2(L2),
            name=f"conv{index}",
        )(x)
        x = normalised(x, f"conv{index}_bn")
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
        x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(
        HIDDEN, activation="relu", kernel_regularizer=regularizers.L2(L2), name="head_hidden"
    )(x)
    return Model(inputs, dense_logit(x, n_outputs, spec.dropout), name="xray_cnn")
