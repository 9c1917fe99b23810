"""How many cells of a slide get called infected, by chance alone: the law that intervals rest on.

A slide of parasitaemia p has a classifier of its own: its sensitivity and specificity differ from
slide to slide as the manifest's effective sample sizes say. Averaged over them,

    X | p  ~  mixture over (se, sp) of Binomial(n, p se + (1 - p)(1 - sp)),

each rate a Beta distribution whose mean and variance are the manifest's. Pure arithmetic.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.manifest import ErrorRate
from edge.contract.types import F64Array

# Points that stand for the distribution of one rate; finest in its tails, which decide.
_POINTS = 48
_BETA_GRID = 4000
# Step and reach of the integrals, in standard deviations of a count.
_STEPS_A_DEVIATION = 6
_REACH = 8.0
# Below it a count cannot be told from one that false alarms explain (`called_by_mistake`).
_LEAST_YOUDEN = 0.05
# A rate this well known does not differ between slides.
_WELL_KNOWN = 1e7


class CallLaw:
    """The law of the number of calls among `count` red cells.

    Args:
        specificity: None where a person has judged every call, so that none is a false alarm.

    Raises:
        ConfigError: the classifier is no better than chance, so nothing can be corrected.
    """

    def __init__(self, count: int, sensitivity: ErrorRate, specificity: ErrorRate | None) -> None:
        self.count = count
        specificity_rate = specificity.rate if specificity else 1.0
        self.youden = sensitivity.rate + specificity_rate - 1
        if self.youden <= _LEAST_YOUDEN:
            raise ConfigError(
                f"sensitivity {sensitivity.rate:.3f} and specificity {specificity_rate:.3f} "
                "cannot be corrected for; use a bundle that is better than chance"
            )
        found, weight = rate_points(sensitivity.rate, sensitivity.n_effective)
        self._found, found_weight = found[:, None], weight[:, None]
        alarms, weight = np.zeros(1), np.ones(1)
        if specificity:
            alarms, weight = rate_points(1 - specificity.rate, specificity.n_effective)
        self._alarms = alarms[None, :]
        self._weight = (found_weight * weight[None, :]).ravel()

    def at_most(self, counts: F64Array) -> AtMost:
        """P(X <= each of these counts), ready to be asked at any parasitaemia."""
        return AtMost(self, counts)

    def rates(self, parasitaemia_fraction: float) -> F64Array:
        """(points,) share of cells that are called, one for each pair of error rates."""
        p = parasitaemia_fraction
        return (p * self._found + (1 - p) * self._alarms).ravel()

    @property
    def weights(self) -> F64Array:
        """(points,) of `rates`; they sum to 1."""
        return self._weight


class AtMost:
    """P(X <= x | parasitaemia) for some x; the binomial part is tabulated once."""

    def __init__(self, law: CallLaw, counts: F64Array) -> None:
        self._law = law
        n, top = law.count, float(counts.max())
        # In the angle asin(sqrt(rate)) a binomial count has the same spread everywhere.
        deviation = 0.5 / math.sqrt(n)
        end = min(math.asin(math.sqrt(min(top / n, 1.0))) + _REACH * deviation, math.pi / 2)
        steps = math.ceil(end / deviation * _STEPS_A_DEVIATION)
        self._angles = np.linspace(0, end, steps + 1)
        self._table = _binomial_table(counts, n, self._angles)

    def __call__(self, parasitaemia_fraction: float) -> F64Array:
        """(counts,) probabilities."""
        angles = np.arcsin(np.sqrt(self._law.rates(parasitaemia_fraction)))
        position = angles / self._angles[1]
        last = len(self._angles) - 1
        inside = position < last
        position, weights = position[inside], self._law.weights[inside]
        lower = position.astype(np.intp)
        share = position - lower
        spread = np.bincount(lower, weights * (1 - share), last + 1)
        spread += np.bincount(lower + 1, weights * share, last + 1)
        result: F64Array = self._table @ spread
        return result


def _binomial_table(counts: F64Array, n: int, angles: F64Array) -> F64Array:
    """(counts, angles) P(Binomial(n, sin² angle) <= count).

    As a function of the rate it falls from 1 to 0 as a Beta(count + 1, n - count) distribution's
    upper tail, so it is one cumulative sum.
    """
    inner = (angles[:-1] + angles[1:]) / 2
    x = counts[:, None]
    with np.errstate(divide="ignore"):
        log_sin, log_cos = np.log(np.sin(inner)), np.log(np.maximum(np.cos(inner), 1e-300))
    logs = (2 * x + 1) * log_sin + (2 * (n - x) - 1) * log_cos
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    below = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(density, axis=1)], axis=1)
    table: F64Array = np.where(x >= n, 1.0, 1 - below / below[:, -1:])
    return table


@lru_cache(maxsize=16)
def rate_points(rate: float, n_effective: float) -> tuple[F64Array, F64Array]:
    """Points and weights of the Beta distribution with this mean and n_effective's variance.

    A rate that was never seen to be wrong (0 or 1) is taken as half an error in n_effective + 1.
    """
    if not 0 < rate < 1:
        rate = (rate * n_effective + 0.5) / (n_effective + 1)
    if n_effective >= _WELL_KNOWN:
        return np.array([rate]), np.ones(1)
    others = max(n_effective - 1, 1e-3)
    edges = (1 - np.cos(np.linspace(0, np.pi, _POINTS + 1))) / 2
    points = _beta_quantiles(rate * others, (1 - rate) * others, (edges[:-1] + edges[1:]) / 2)
    return points, np.diff(edges)


def _beta_quantiles(a: float, b: float, levels: F64Array) -> F64Array:
    """Quantiles of Beta(a, b), by its cumulated density over the log odds."""
    # There the density is a smooth hump with tails exp(a t) and exp(-b t).
    middle, near = math.log(a / b), 12 * math.sqrt(1 / a + 1 / b)
    left, right = near + 8 / a, near + 8 / b
    odds = np.linspace(middle - left, middle + right, _BETA_GRID)
    logs = -a * np.logaddexp(0, -odds) - b * np.logaddexp(0, odds)
    cumulated = np.cumsum(np.exp(logs - logs.max()))
    found = np.interp(levels, cumulated / cumulated[-1], odds)
    values: F64Array = np.exp(-np.logaddexp(0, -found))
    return values
