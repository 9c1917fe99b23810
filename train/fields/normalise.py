"""What can be taken off a field's or slide's logits: most of its cells are healthy, so its median
is where healthy cells lie here.
"""

from __future__ import annotations

import numpy as np

from edge.contract.types import BoolArray, F64Array
from train.fields.callers import FIELD, SLIDE, Normalisation

# Too few cells say less of the field than of themselves.
LEAST_CELLS = 10
# Healthy cells that lie closer together than this are not spread out: it would stretch noise.
LEAST_SPREAD = 0.5
# A median absolute deviation as the standard deviation of a normal distribution.
_AS_DEVIATION = 1.4826


def less_median(logits: F64Array, whole: BoolArray) -> F64Array:
    """Logits less the median of the whole cells; as they are where those are too few.

    Args:
        logits: (N,) of the red cells.
        whole: (N,) which of them are not cut by the edge.
    """
    if whole.sum() < LEAST_CELLS:
        return logits
    return np.asarray(logits - np.median(logits[whole]))


def over_spread(logits: F64Array, whole: BoolArray) -> F64Array:
    """`less_median`, over the spread of the lower half: infected cells have no part in that."""
    if whole.sum() < LEAST_CELLS:
        return logits
    less = less_median(logits, whole)
    below = less[whole & (less <= 0)]
    return np.asarray(less / max(_AS_DEVIATION * float(np.median(-below)), LEAST_SPREAD))


FIELD_MEDIAN = Normalisation("field-median", FIELD, less_median)
SLIDE_MEDIAN = Normalisation("slide-median", SLIDE, less_median)
FIELD_SPREAD = Normalisation("field-spread", FIELD, over_spread)
SLIDE_SPREAD = Normalisation("slide-spread", SLIDE, over_spread)
