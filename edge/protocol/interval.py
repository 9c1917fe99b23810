"""Parasitaemia and its 95 % interval from the calls of a classifier that errs, or from reviewed
ones.

The interval holds every parasitaemia under which the count that was seen is not an odd one, by
the law of calls (`called`): counting noise and the classifier's errors on this slide, together.
docs/protocol.md derives it and shows how often it holds the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge.contract.manifest import ErrorRate
from edge.contract.types import F64Array
from edge.protocol.called import AtMost, CallLaw
from edge.protocol.exact import TAIL, halve

# Both tails together: the interval misses the truth on no more than this share of slides.
MISSES = 2 * TAIL
# Counts beyond it are not false alarms alone, save on so small a share of slides.
_BEYOND_ALARMS = 1e-6
# Of counts below the one seen, this many are looked at one by one, and no more than that of all.
_LEAST_ROWS, _MOST_ROWS = 150, 400


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, fractions between 0 and 1.

    Attributes:
        mistaken_fraction: share of slides without a parasite that would have as many calls.
    """

    estimate: float
    low: float
    high: float
    mistaken_fraction: float = 1.0


@lru_cache(maxsize=256)
def corrected_interval(
    positive_count: int, count: int, sensitivity: ErrorRate, specificity: ErrorRate
) -> Interval:
    """True fraction from a count by an imperfect classifier.

    The estimate is Rogan and Gladen's (1978). The rates' effective sample sizes make slides, not
    cells, the unit that varies.

    Raises:
        ConfigError: the classifier is no better than chance, so nothing can be corrected.
    """
    return _interval(positive_count, count, sensitivity, specificity)


@lru_cache(maxsize=256)
def reviewed_interval(confirmed_count: int, count: int, sensitivity: ErrorRate) -> Interval:
    """True fraction where a person has judged every call: none is a false alarm any more, but
    what the classifier did not call is still not seen.

    Raises:
        ConfigError: the classifier finds next to nothing, so nothing can be corrected.
    """
    return _interval(confirmed_count, count, sensitivity, None)


def _interval(
    called: int, count: int, sensitivity: ErrorRate, specificity: ErrorRate | None
) -> Interval:
    law = CallLaw(count, sensitivity, specificity)
    limits = _Limits(law, called)
    high = halve(limits.too_few, 0.0, 1.0)
    low = 0.0 if limits.low_enough(0.0) else halve(limits.low_enough, 0.0, high)
    specificity_rate = specificity.rate if specificity else 1.0
    plain = (called / count + specificity_rate - 1) / law.youden
    estimate = min(max(plain, low), high)
    return Interval(estimate, low, high, limits.mistaken)


class _Limits:
    """What a parasitaemia must be for a count to be odd under it."""

    def __init__(self, law: CallLaw, called: int) -> None:
        self._called = called
        ends = np.array([called - 1, called], float)
        self._ends = law.at_most(np.maximum(ends, 0))
        most = max(_most_alarms(law), _LEAST_ROWS)
        self._beyond = called > most
        self._fewer = law.at_most(_rows(min(called, most)))
        self._ends_of_none = self._ends(0.0)
        self._fewer_of_none = self._fewer(0.0)

    @property
    def mistaken(self) -> float:
        """P(so many calls or more | no parasite)."""
        return self._at_least(self._ends_of_none)

    def too_few(self, parasitaemia_fraction: float) -> bool:
        """So few calls are odd under it, also for a slide with so few false alarms.

        The second part is why few calls never exclude more than they can (Read 2002, CLs): alone,
        a count below the false alarms expected would exclude everything.
        """
        at_most = self._ends(parasitaemia_fraction)[1]
        return bool(at_most <= TAIL * self._ends_of_none[1])

    def low_enough(self, parasitaemia_fraction: float) -> bool:
        """So many calls are not odd under it.

        Slides of this parasitaemia that have too few calls are missed already; the rest of the 5 %
        is left for those with too many.
        """
        missed = self._missed(parasitaemia_fraction)
        return self._at_least(self._ends(parasitaemia_fraction)) > MISSES - missed

    def _missed(self, parasitaemia_fraction: float) -> float:
        """P(so few calls that the interval ends below this parasitaemia)."""
        at_most = self._fewer(parasitaemia_fraction)
        missing = at_most <= TAIL * self._fewer_of_none
        if missing[-1] and self._beyond:
            # Where false alarms alone do not come, that is the plain tail.
            return TAIL
        return float(at_most[missing].max(initial=0.0))

    def _at_least(self, at_most: F64Array) -> float:
        return min(max(1 - float(at_most[0]), 0.0), 1.0) if self._called else 1.0


def _rows(end: int) -> F64Array:
    """Counts from 0 to below `end`; of very many not all."""
    last = max(end - 1, 0)
    return np.unique(np.round(np.linspace(0, last, min(last + 1, _MOST_ROWS))))


def _most_alarms(law: CallLaw) -> int:
    """A count that false alarms alone hardly exceed."""
    low, high = 0, law.count
    while low < high:
        middle = (low + high) // 2
        beyond = 1 - float(AtMost(law, np.array([float(middle)]))(0.0)[0])
        low, high = (low, middle) if beyond <= _BEYOND_ALARMS else (middle + 1, high)
    return low + 1
