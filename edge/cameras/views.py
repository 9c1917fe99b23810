"""Whether two pictures show the same view, that is, whether the slide stood still between them."""

from __future__ import annotations

import numpy as np

from edge.analysis.repeats import signature_of
from edge.contract.types import U8Array

# Correlation of two small pictures. Of drawn fields, with the noise of a sensor, it is .98 after a
# shift of a fifteenth of a red cell, .86 after a sixth and .57 after a third; a blur that no field
# is read with leaves .98. Noise alone has 0: bare glass is never the same view.
SAME_VIEW = 0.85


def view_of(image: U8Array) -> U8Array:
    """(48,64) uint8, what is kept of a picture (H,W,3) to compare it."""
    return signature_of(image).fine


def same_view(one: U8Array, other: U8Array) -> bool:
    """Whether two `view_of` pictures agree without any shift."""
    a, b = (view.astype(np.float32) - view.mean() for view in (one, other))
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    # Two pictures without any structure are the same view of nothing.
    return scale == 0 or float((a * b).sum()) / scale > SAME_VIEW
