"""A variational autoencoder of grey cells (Kingma 2013, arXiv:1312.6114).

As `grey_autoencoder`, but the bottleneck is a vector drawn from a distribution that is held near a
normal one, so that similar cells lie side by side and an unlike one is rebuilt as the nearest.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from train.models.grey_autoencoder import check_grey, check_side, decoder, encoder
from train.models.residuals import anomaly_head, computed, grey_target, inside, residual_map

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS = (16, 16, 16)
# Standard deviation of a pixel round its reconstruction: it says what the divergence weighs beside
# the squared error of a pixel.
_PIXEL_NOISE = 0.05


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,1) and `cam` (N,h,w,1).

    `spec.widths`, `spec.residual` and `spec.top_k` as `grey_autoencoder`; `spec.bottleneck` is the
    length of the vector.

    Raises:
        ConfigError: the side is no multiple of what the pooling needs, or a residual of colour.
    """
    from tf_keras import Model, layers

    widths, residual = spec.widths or WIDTHS, spec.residual
    check_side(size_px, 2 ** len(widths), "variational_autoencoder")
    check_grey(residual)
    image = layers.Input((size_px, size_px, 3), name="image")
    cell = computed("inside", inside, [image], rim_px=residual.rim_px)
    simple = {"threshold": residual.threshold, "levels": residual.levels}
    target = computed("target", grey_target, [image, cell], **simple)
    x = encoder(target, widths)
    shape = x.shape[1:]
    x = layers.Flatten(name="flat")(x)
    mean = layers.Dense(spec.bottleneck, name="mean")(x)
    log_variance = layers.Dense(spec.bottleneck, name="log_variance")(x)
    x = _drawing_layer()(2 * _PIXEL_NOISE**2 / size_px**2, name="drawn")([mean, log_variance])
    x = layers.Dense(shape[0] * shape[1] * shape[2], activation="relu", name="spread")(x)
    made = decoder(layers.Reshape(shape, name="folded")(x), widths, 1)
    dark = residual.threshold == 0
    cam = computed("cam", residual_map, [target, made, cell], spec=residual, dark=dark)
    return Model(image, anomaly_head(cam, spec.top_k), name="variational_autoencoder")


@cache
def _drawing_layer() -> Any:
    import tensorflow as tf
    from tf_keras import layers

    class Drawn(layers.Layer):  # type: ignore[misc]
        """A vector of the distribution while it trains, its mean when it infers."""

        def __init__(self, weight: float, **options: Any) -> None:
            super().__init__(**options)
            self.weight = weight
            self.noise = layers.GaussianNoise(1.0)

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            mean, log_variance = inputs
            if not training:
                return mean
            divergence = tf.exp(log_variance) + tf.square(mean) - 1 - log_variance
            each = tf.reduce_sum(divergence, axis=1) / 2
            self.add_loss(self.weight * tf.reduce_mean(each))
            return mean + tf.exp(log_variance / 2) * self.noise(tf.zeros_like(mean), training=True)

    return Drawn
