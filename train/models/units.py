"""The unit that most networks repeat: convolution, batch norm, activation."""

from __future__ import annotations

from functools import cache
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
    dilation: int = 1,
    activation: str | None = "relu",
) -> Any:
    """(N,h,w,C) to (N,h/stride,w/stride,width): layers `name`, `name_bn` and `name_act`."""
    from tf_keras import layers

    kind = grouped_convolution() if groups > 1 else layers.Conv2D
    given = {"padding": "same", "groups": groups, "dilation_rate": dilation, "use_bias": False}
    x = kind(width, kernel, stride, name=name, **given)(x)
    x = normalised(x, f"{name}_bn")
    return layers.Activation(activation, name=f"{name}_act")(x) if activation else x


def normalised(x: Any, name: str) -> Any:
    """Batch norm that settles within a short fit."""
    from tf_keras import layers

    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=1e-3, name=name)(x)


@cache
def grouped_convolution() -> Any:
    """`Conv2D` for groups; in training the same sums over patches, as one product of each group.

    TensorFlow's gradient of a grouped convolution takes 50 times as long on a CPU as that of a
    dense one whose kernel is 0 between groups, and this three fifths of that: a step of RegNet with
    32 images of 48 px takes 2.7, .34 and .20 s.
    """
    import tensorflow as tf
    from tf_keras import layers

    class GroupedConv2D(layers.Conv2D):  # type: ignore[misc]
        """Grouped as an operation when it infers, as products while it trains."""

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            if not training:
                return super().call(inputs)
            (rows, columns), within = self.kernel_size, self.kernel.shape[2]
            sizes = [1, rows, columns, 1], [1, *self.strides, 1], [1, 1, 1, 1]
            patches = tf.image.extract_patches(inputs, *sizes, self.padding.upper())
            height, width = patches.shape[1:3]
            taps = (rows * columns, self.groups, within)
            patches = tf.reshape(patches, [-1, height, width, *taps])
            kernel = tf.cast(self.kernel, self.compute_dtype)
            kernel = tf.reshape(kernel, [taps[0], within, self.groups, -1])
            found = tf.einsum("nhwkgc,kcgo->nhwgo", patches, kernel)
            return tf.reshape(found, [-1, height, width, self.filters])

    return GroupedConv2D
