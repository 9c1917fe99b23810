"""EfficientNet-B4 (Tan 2019, arXiv:1905.11946) with the head of source E.

Its ImageNet weights are no part of any package: Keras fetches them at run time, or they come from
the file `efficientnetb4_notop.h5` that Keras publishes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError, DataError
from train.models.heads import dense_logit
from train.models.units import MOMENTUM, normalised

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

# Dense widths of the head, each with the dropout before it; the last dropout is `spec.dropout`.
HEAD = ((512, 0.5), (256, 0.3))
# ImageNet's mean and deviation of RGB in [0,1], as Keras's network keeps them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit`; at least 32 px.

    `spec.weights` is empty (random), "imagenet" (over the network), or the path of Keras's file.

    Raises:
        ConfigError: the weights cannot be fetched, or there is no such file.
        DataError: the file holds another architecture.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    # Keras's network divides by 255 itself.
    base = _base(layers.Rescaling(*_input_scale(spec.weights), name="to_levels")(inputs), spec)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = MOMENTUM
    x = layers.GlobalAveragePooling2D(name="head_pool")(base.output)
    x = normalised(x, "head_bn")
    for index, (width, dropout) in enumerate(HEAD):
        x = layers.Dropout(dropout, name=f"head_dropout{index}")(x)
        x = layers.Dense(width, activation="relu", name=f"head_dense{index}")(x)
        x = normalised(x, f"head_bn{index}")
    return Model(inputs, dense_logit(x, n_outputs, spec.dropout), name="efficientnet_b4")


def _input_scale(weights: str) -> tuple[Any, Any]:
    """Factor and offset to what Keras's input layers expect.

    Its file keeps the deviation where the variance belongs; Keras mends that by a factor of
    1/sqrt(deviation) only where it fetched the file itself (tensorflow issue 49930). So here it is
    in the factor for a file that is given.
    """
    if weights in ("", "imagenet"):
        return 255.0, 0.0
    mend = [deviation**-0.5 for deviation in DEVIATION]
    offsets = [255 * mean * (1 - m) for mean, m in zip(MEAN, mend, strict=True)]
    return [255 * m for m in mend], offsets


def _base(x: Any, spec: ModelSpec) -> Any:
    from tf_keras.applications import EfficientNetB4

    if spec.weights not in ("", "imagenet") and not Path(spec.weights).is_file():
        raise ConfigError(f"model.weights is {spec.weights!r}: there is no such file")
    try:
        return EfficientNetB4(False, spec.weights or None, input_tensor=x)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{spec.weights} does not hold EfficientNet-B4 without its top: {error}"
        ) from error
    except Exception as error:
        # Keras's download raises no narrower type.
        if "URL fetch failure" not in str(error):
            raise
        raise ConfigError(
            f'model.weights is "imagenet", and Keras could not fetch them: {error}; leave weights '
            "empty, or give the path of efficientnetb4_notop.h5"
        ) from error
