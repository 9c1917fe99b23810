"""An autoencoder of cells in colour, whose error has a direction: dye that healthy cells have not.

Convolutions with batch norm and ReLU6 as in `plain_cnn`, so that it quantises; squares of pixels
are stacked into channels at both ends, so that no map of full size is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.grey_autoencoder import check_side
from train.models.residuals import anomaly_head, computed, inside, residual_map

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS = (16, 24, 32)


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,1) and `cam` (N,h,w,1).

    `spec.patch` is the side of the stacked squares, `spec.widths` the channels of the encoder's
    convolutions, each with stride 2, `spec.bottleneck` those of the smallest map; `spec.residual`
    and `spec.top_k` are how it scores.

    Raises:
        ConfigError: the side is no multiple of what patches and strides need.
    """
    from tf_keras import Model, layers

    widths, residual = spec.widths or WIDTHS, spec.residual
    check_side(size_px, spec.patch * 2 ** len(widths), "colour_autoencoder")
    image = layers.Input((size_px, size_px, 3), name="image")
    cell = computed("inside", inside, [image], rim_px=residual.rim_px)
    target = computed("target", _masked, [image, cell])
    x = _stacked(target, spec.patch)
    for index, width in enumerate(widths):
        x = _unit(x, layers.Conv2D(width, 3, 2, padding="same", use_bias=False), f"down{index}")
    x = _unit(x, layers.Conv2D(spec.bottleneck, 1, use_bias=False), "bottleneck")
    for index, width in enumerate(reversed(widths)):
        x = _unit(x, layers.Conv2D(width, 3, padding="same", use_bias=False), f"up{index}")
        x = layers.UpSampling2D(2, name=f"grown{index}")(x)
    x = layers.Conv2D(3 * spec.patch**2, 3, padding="same", name="pixels")(x)
    made = computed("reconstruction", _unstacked, [x], patch=spec.patch)
    cam = computed("cam", residual_map, [target, made, cell], spec=residual)
    return Model(image, anomaly_head(cam, spec.top_k), name="colour_autoencoder")


def _unit(x: Any, convolution: Any, name: str) -> Any:
    from tf_keras import layers

    x = layers.BatchNormalization(momentum=0.95, name=name)(convolution(x))
    return layers.ReLU(6.0)(x)


def _masked(image: Any, cell: Any) -> Any:
    return image * cell


def _stacked(x: Any, patch: int) -> Any:
    import tensorflow as tf

    return computed("patches", tf.nn.space_to_depth, [x], block_size=patch) if patch > 1 else x


def _unstacked(x: Any, patch: int) -> Any:
    """(N,h,w,3*patch²) to (N,h*patch,w*patch,3) in 0 to 1."""
    import tensorflow as tf

    return tf.sigmoid(tf.nn.depth_to_space(x, patch) if patch > 1 else x)
