"""When a trial stops before its last epoch. Optuna prunes studies of one objective alone.

A small network learns less than a large one and may still be on the front, so a trial is held only
against earlier ones that cost no more in anything: it is to be better than them at something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Fewer have no median worth the name.
MIN_EARLIER = 3


@dataclass(frozen=True)
class Course:
    """How one trial went.

    Attributes:
        curve: validation AUC after each epoch.
        costs: what it costs, each better when lower.
    """

    curve: tuple[float, ...]
    costs: tuple[float, ...]


def lags(curve: Sequence[float], costs: Sequence[float], earlier: Sequence[Course]) -> bool:
    """Whether a trial is clearly below the median of earlier ones that cost no more.

    Best so far is compared with best so far at the same epoch, as the median rule has it (Golovin
    2017, Google Vizier, 3.1). Clearly is by more than the median distance from that median, so
    that trials which are all alike do not stop each other by chance.

    Args:
        curve: validation AUC after each epoch so far, at least one.
        costs: of this trial, in the order of `Course.costs`.
    """
    epoch = len(curve)
    peers = [
        max(one.curve[:epoch])
        for one in earlier
        if len(one.curve) >= epoch
        and all(theirs <= own for theirs, own in zip(one.costs, costs, strict=True))
    ]
    if len(peers) < MIN_EARLIER:
        return False
    middle = float(np.median(peers))
    spread = float(np.median(np.abs(np.array(peers) - middle)))
    return max(curve) < middle - spread
