"""ESPCN: three convolutions at low resolution, then sub-pixel upsampling (arXiv:1609.05158)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.superres import conv, image_input, to_pixels

if TYPE_CHECKING:
    from train.superres.recipe import EnhancerSpec


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network; `spec.width` is that of the first convolution (64 in the paper), then half."""
    from tf_keras import Model

    image = image_input(size_px)
    x = conv(image, spec.width, 5, "tanh")
    x = conv(x, max(1, spec.width // 2), 3, "tanh")
    return Model(image, to_pixels(conv(x, 12)), name="espcn")
