"""FSRCNN: shrink, map, expand, and one deconvolution at the end (Dong 2016, arXiv:1608.00367)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.superres import conv, image_input

if TYPE_CHECKING:
    from train.superres.recipe import EnhancerSpec


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network: d = `spec.width`, s = `spec.shrunk`, m = `spec.blocks`.

    The paper has (56, 12, 4), and (32, 5, 1) as FSRCNN-s; its deconvolution is 9x9.
    """
    from tf_keras import Model, layers

    image = image_input(size_px)
    x = _prelu(conv(image, spec.width, 5))
    x = _prelu(conv(x, spec.shrunk, 1))
    for _ in range(spec.blocks):
        x = _prelu(conv(x, spec.shrunk, 3))
    x = _prelu(conv(x, spec.width, 1))
    enlarged = layers.Conv2DTranspose(3, 9, 2, padding="same", name="enlarged")(x)
    return Model(image, enlarged, name="fsrcnn")


def _prelu(x: Any) -> Any:
    from tf_keras import layers

    return layers.PReLU(shared_axes=[1, 2], alpha_initializer="zeros")(x)
