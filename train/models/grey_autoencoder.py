"""The autoencoder of source C: a grey cell through a small bottleneck, and what is lost on the way.

Convolutions with max pooling down, upsampling with convolutions up, few filters; 32 or 64 px. It is
fitted on healthy cells, so what it cannot rebuild is what they have not. Grey conversion,
thresholding and simplification are part of the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from train.models.residuals import (
    COLOUR_KINDS,
    anomaly_head,
    computed,
    grey_target,
    inside,
    residual_map,
)

if TYPE_CHECKING:
    from train.models.residuals import ResidualSpec
    from train.recipe_parts import ModelSpec

WIDTHS = (16, 8, 8)


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,1) and `cam` (N,h,w,1).

    `spec.widths` are the channels of each convolution of the encoder (strides do not count),
    `spec.bottleneck` those of the smallest map, `spec.residual` and `spec.top_k` how it scores.

    Raises:
        ConfigError: the side is no multiple of what the pooling needs, or a residual of colour.
    """
    from tf_keras import Model, layers

    widths, residual = spec.widths or WIDTHS, spec.residual
    check_side(size_px, 2 ** len(widths), "grey_autoencoder")
    check_grey(residual)
    image = layers.Input((size_px, size_px, 3), name="image")
    cell = computed("inside", inside, [image], rim_px=residual.rim_px)
    simple = {"threshold": residual.threshold, "levels": residual.levels}
    target = computed("target", grey_target, [image, cell], **simple)
    x = encoder(target, widths)
    x = layers.Conv2D(spec.bottleneck, 3, padding="same", activation="relu", name="bottleneck")(x)
    made = decoder(x, widths, 1)
    dark = residual.threshold == 0
    cam = computed("cam", residual_map, [target, made, cell], spec=residual, dark=dark)
    return Model(image, anomaly_head(cam, spec.top_k), name="grey_autoencoder")


def encoder(x: Any, widths: tuple[int, ...]) -> Any:
    """(N,S,S,C) to (N,S/2^n,S/2^n,widths[-1])."""
    from tf_keras import layers

    for index, width in enumerate(widths):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"down{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
    return x


def decoder(x: Any, widths: tuple[int, ...], channels: int) -> Any:
    """The way back, to the layer `reconstruction`, (N,S,S,channels) in 0 to 1."""
    from tf_keras import layers

    for index, width in enumerate(reversed(widths)):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"up{index}")(x)
        x = layers.UpSampling2D(2, name=f"grown{index}")(x)
    last = layers.Conv2D(
        channels, 3, padding="same", activation="sigmoid", dtype="float32", name="reconstruction"
    )
    return last(x)


def check_grey(residual: ResidualSpec) -> None:
    """Raises ConfigError where a difference in colour is asked of a network that sees grey."""
    if residual.kind in COLOUR_KINDS:
        raise ConfigError(f"residual.kind is {residual.kind!r}, but a grey network sees no colour")


def check_side(size_px: int, factor: int, name: str) -> None:
    """Raises ConfigError where the side does not halve so often, or is not cut evenly."""
    if size_px % factor:
        raise ConfigError(f"{name} needs a side of a multiple of {factor} px; got {size_px}")
