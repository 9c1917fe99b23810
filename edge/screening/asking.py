"""Which cells of a field get a second opinion: those that it may change, and a sample of the rest.

The classifier's confidently healthy cells are nearly all of a field, and the second opinion changes
next to nothing there (docs/adr/0017), at the price of the classifier's time again. A sample of them
is asked all the same, and all of them where it finds what is no red cell: no field is taken for a
smear unasked.
"""

from __future__ import annotations

import numpy as np

from edge.contract.reference import LogitReference
from edge.contract.types import BoolArray

# Of the confidently healthy cells, evenly spread over the finder's order, the
# surest first.
SAMPLE = 16
# With a larger share of foreign cells all are asked: a field is refused from half on, and of one
# with half of them foreign the sample shows less than this one time in a hundred.
MOST_FOREIGN_IN_SAMPLE = 0.2


def healthy_below(
    reference: LogitReference | None, threshold_logit: float, site_shift: float = 0.0
) -> float | None:
    """The logit below which a cell is confidently healthy; None where all are to be asked.

    One spread above the median of healthy cells at home. Where a site's scores lie lower, so does
    this; where they lie higher, it stays. Never above the threshold: what is called is asked.

    Args:
        reference: without one nothing is known of the logits; where they are a sum of both
            networks', every cell needs both.
        threshold_logit: that cells are called at, shifted by the site.
        site_shift: of the site's check.
    """
    if reference is None or reference.novelty_weight:
        return None
    at_home = reference.healthy.median + reference.healthy.spread
    return min(at_home + min(site_shift, 0.0), threshold_logit)


def with_sample(asked: BoolArray) -> BoolArray:
    """(N,) the same and SAMPLE of the others, evenly spread; all of them where they are no more."""
    others = np.flatnonzero(~asked)
    chosen = asked.copy()
    if len(others) <= SAMPLE:
        chosen[others] = True
        return chosen
    chosen[others[np.linspace(0, len(others) - 1, SAMPLE).round().astype(int)]] = True
    return chosen


def may_be_foreign(foreign: BoolArray, asked: BoolArray, whole: BoolArray) -> bool:
    """Whether so many cells of a field may be foreign that all have to be asked.

    Args:
        foreign: (K,) of `with_sample(asked)`.
        asked: (N,) for their own sake; the others among the K stand for all that were not.
        whole: (N,) cells that the frame's edge does not cut; of halves nothing is concluded.
    """
    chosen = with_sample(asked)
    own = asked[chosen]
    seen_whole = whole[chosen]
    found, all_whole = 0.0, int(np.count_nonzero(whole))
    for part, group in ((own, asked), (~own, ~asked)):
        sample = foreign[part & seen_whole]
        # A group of halves alone tells nothing: then it may as well be foreign.
        share = float(sample.mean()) if len(sample) else 1.0
        found += share * int(np.count_nonzero(group & whole))
    return found > MOST_FOREIGN_IN_SAMPLE * max(all_whole, 1)
