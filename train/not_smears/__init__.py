"""Pictures that are no red cell or no smear, for measuring refusal alone; no fit ever sees one.

Their generators are others than those of `train.foreign`, which a network is fitted with: real
X-rays and photographs, real white cells and platelets, drawn scenes, and real smears spoilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import U8Array
from train.not_smears import drawn, found, spoilt
from train.not_smears.wanted import Wanted

NOT_SMEARS: dict[str, Callable[[Wanted], Iterator[U8Array]]] = {
    "x_rays": found.x_rays,
    "x_rays_tinted": found.x_rays_tinted,
    "photographs": found.photographs,
    "white_cells": found.white_cells,
    "platelets": found.platelets,
    "text": drawn.of(drawn.text),
    "bricks": drawn.of(drawn.bricks),
    "mosaic": drawn.of(drawn.mosaic),
    "wood": drawn.of(drawn.wood),
    "landscape": drawn.of(drawn.landscape),
    "screen": drawn.of(drawn.screen),
    "flat": drawn.of(drawn.flat),
    "noise": drawn.of(drawn.noise),
    "inverted": spoilt.inverted,
    "hue_turned": spoilt.hue_turned,
    "blurred": spoilt.blurred,
}
# A flat colour that is cut out as a cell may well be one; objects have an outline of their own.
NOT_CUT = ("flat", "white_cells", "platelets", "inverted", "hue_turned", "blurred")
# Objects of the size of a cell are no field.
NO_FIELDS = ("white_cells", "platelets")


def pictures(kind: str, wanted: Wanted) -> list[U8Array]:
    """At most `wanted.count` pictures of a kind, each (H,W,3) uint8 RGB.

    Raises:
        ConfigError: no such kind.
        DataError: what it is made from is not at hand.
    """
    if kind not in NOT_SMEARS:
        raise ConfigError(f"kind is {kind!r}; known: {', '.join(NOT_SMEARS)}")
    return list(islice(NOT_SMEARS[kind](wanted), wanted.count))


def inside_ellipse(image: U8Array) -> U8Array:
    """The picture in the ellipse that fits it, black outside: as if a finder had cut it out."""
    height_px, width_px = image.shape[:2]
    y = (np.arange(height_px)[:, None] + 0.5) / height_px * 2 - 1
    x = (np.arange(width_px)[None, :] + 0.5) / width_px * 2 - 1
    return np.asarray(image * (x**2 + y**2 <= 1)[:, :, None], np.uint8)
