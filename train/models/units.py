"""The unit that most networks repeat: convolution, batch norm, activation."""

from __future__ import annotations

from typing import Any

# The default momentum of .99 needs more steps than a short fit has.
MOMENTUM = 0.9


def unit(
    x: Any,
    width: int,
    kernel: int | tuple[int, int],
    name: str,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: str | None = "relu",
) -> Any:
    """(N,h,w,C) to (N,h/stride,w/stride,width): layers `name`, `name_bn` and `name_act`."""
    from tf_keras import layers

    x = layers.Conv2D(
        width, kernel, stride, padding="same", groups=groups, use_bias=False, name=name
    )(x)
    x = normalised(x, f"{name}_bn")
    return layers.Activation(activation, name=f"{name}_act")(x) if activation else x


def normalised(x: Any, name: str) -> Any:
    """Batch norm that settles within a short fit."""
    from tf_keras import layers

    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=1e-3, name=name)(x)
