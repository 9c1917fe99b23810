"""How often the intervals hold the truth, on simulated slides whose parasitaemia is known.

Each slide has a classifier of its own: its sensitivity and specificity are drawn as far apart as
the manifest says that slides differ. Nothing is drawn on a picture; this is arithmetic alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.contract.errors import ConfigError
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import F64Array, RanOn
from edge.protocol.definition import Protocol
from edge.protocol.exact import halve, share_interval
from edge.protocol.interval import Interval, corrected_interval, reviewed_interval
from edge.protocol.verdict import decide
from edge.tally import Tally

I64Array = npt.NDArray[np.int64]
# Parasitaemia from and to, where a clinic has to tell: none, below and above what a thin smear
# shows at all, low, and high.
RANGES = ((0.0, 0.0), (0.0002, 0.001), (0.001, 0.005), (0.005, 0.02), (0.02, 0.1))
# Coverage that an interval of 95 % may have; less is overconfident, more is wider than it need be.
LEAST_COVERAGE, MOST_COVERAGE = 0.93, 0.97
# How rates are spread between slides: as the intervals assume, and otherwise, with the same mean
# and variance.
BETA, LOGIT_NORMAL = "beta", "logit-normal"
LAWS = (BETA, LOGIT_NORMAL)
RAN_ON = RanOn("simulated", "0", "none", "none", False, 1)
_MOST_SIGMA = 8.0


@dataclass(frozen=True)
class Coverage:
    """Of the slides of one range.

    Attributes:
        low, high: the true parasitaemia lies between them.
        covered: slides whose interval holds the truth; `coverage` is their share, which lies
            between `coverage_low` and `coverage_high` at 95 %.
        below: slides whose interval ends below the truth; `above` begins above it.
        median_width: of the intervals, a fraction.
        verdicts: slides by the machine's verdict; of reviewed ones empty.
    """

    low: float
    high: float
    slides: int
    covered: int
    below: int
    above: int
    coverage: float
    coverage_low: float
    coverage_high: float
    median_width: float
    verdicts: dict[str, int]

    @property
    def within(self) -> bool:
        """The coverage is what it should be."""
        return LEAST_COVERAGE <= self.coverage <= MOST_COVERAGE


def simulate_range(
    point: OperatingPoint,
    protocol: Protocol,
    bounds: tuple[float, float],
    *,
    slides: int = 10_000,
    rbc_count: int = 0,
    reviewed: bool = False,
    law: str = BETA,
    seed: int = 7,
) -> Coverage:
    """Many slides of one range of parasitaemia.

    Args:
        bounds: parasitaemia from and to; each slide's is drawn evenly between them.
        rbc_count: red cells of each; 0 takes the protocol's minimum at that parasitaemia.
        reviewed: a person has judged every suspect cell, so that no false alarm is left.
        law: of LAWS.

    Raises:
        ConfigError: no such law.
    """
    rng = np.random.default_rng(seed)
    truth = rng.uniform(*bounds, slides)
    count = rbc_count or protocol.minimum_for(sum(bounds) / 2)
    infected = rng.binomial(count, truth)
    called = rng.binomial(infected, draw_rates(rng, point.sensitivity_cell, slides, law))
    alarms = 1 - draw_rates(rng, point.specificity_cell, slides, law)
    if not reviewed:
        called += rng.binomial(count - infected, alarms)
    intervals = _intervals(called, count, point, reviewed)
    below = np.array([intervals[x].high for x in called]) < truth
    above = np.array([intervals[x].low for x in called]) > truth
    covered = int(slides - below.sum() - above.sum())
    ends = share_interval(covered, slides)
    width = float(np.median([intervals[x].high - intervals[x].low for x in called]))
    verdicts = {} if reviewed else _verdicts(called, count, intervals, protocol)
    return Coverage(
        *bounds,
        slides,
        covered,
        int(below.sum()),
        int(above.sum()),
        covered / slides,
        *ends,
        width,
        verdicts,
    )


def draw_rates(rng: np.random.Generator, rate: ErrorRate, slides: int, law: str) -> F64Array:
    """(slides,) the rate on each, with the mean and the variance that the manifest says."""
    if law == BETA:
        others = rate.n_effective - 1
        return rng.beta(rate.rate * others, (1 - rate.rate) * others, slides)
    if law != LOGIT_NORMAL:
        raise ConfigError(f"law is {law!r}; known: {', '.join(LAWS)}")
    middle, sigma = _logit_normal(rate.rate, rate.rate * (1 - rate.rate) / rate.n_effective)
    drawn: F64Array = 1 / (1 + np.exp(-rng.normal(middle, sigma, slides)))
    return drawn


def _logit_normal(mean: float, variance: float) -> tuple[float, float]:
    """Mean and standard deviation of the log odds that give a rate this mean and variance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def moments(middle: float, sigma: float) -> tuple[float, float]:
        rates = 1 / (1 + np.exp(-(middle + sigma * nodes)))
        first = float(weights @ rates)
        return first, float(weights @ rates**2) - first**2

    def middle_for(sigma: float) -> float:
        return halve(lambda middle: moments(middle, sigma)[0] >= mean, -30, 30)

    sigma = halve(lambda s: moments(middle_for(s), s)[1] >= variance, 0, _MOST_SIGMA)
    return middle_for(sigma), sigma


def _intervals(
    called: I64Array, count: int, point: OperatingPoint, reviewed: bool
) -> dict[int, Interval]:
    rates = point.sensitivity_cell, point.specificity_cell
    different = [int(x) for x in np.unique(called)]
    if reviewed:
        return {x: reviewed_interval(x, count, rates[0]) for x in different}
    return {x: corrected_interval(x, count, *rates) for x in different}


def _verdicts(
    called: I64Array, count: int, intervals: dict[int, Interval], protocol: Protocol
) -> dict[str, int]:
    times = Counter(int(x) for x in called)
    verdicts: Counter[str] = Counter()
    for x, slides in times.items():
        tally = Tally(count, x, protocol.minimum_usable_fields, 0)
        verdicts[decide(tally, intervals[x], protocol)[0]] += slides
    return dict(verdicts)
