"""A site's operating point: where to call cells here, from a few that its microscopist labelled.

Pure. The threshold keeps its place between healthy and infected cells: what share of the way it
lies between their medians at home, it lies between their medians here. Few cells are labelled, so
each median is drawn towards the bundle's own, the more so the less a slide differed from another at
home (normal model with known spreads; Gelman et al., Bayesian Data Analysis, 2.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.reference import ClassLogits, LogitReference
from edge.contract.types import BoolArray, F32Array

# A median of fewer cells says next to nothing of a slide.
LEAST_OF_EACH = 10
# Two-sided 95 % of the normal distribution.
_Z95 = 1.959964
# Variance of a median over that of a mean, of normal data: one wrong label moves it little.
_MEDIAN_COST = math.pi / 2


@dataclass(frozen=True)
class SiteCheck:
    """What a site's check found, and who vouches for it.

    Attributes:
        bundle_sha256: of the bundle whose scores were looked at; of another, it says nothing.
        checked_by: the microscopist who labelled the cells.
        checked_utc: ISO 8601.
        shift: added to the logit that the cells of a field are called at.
        shift_low: lower end of its 95 % interval.
        shift_high: upper end.
        n_parasitised: cells labelled so.
        n_uninfected: cells labelled so.
        found_before: of the parasitised ones, called so at the bundle's own threshold.
        found_after: the same at the site's.
        false_before: of the uninfected ones, called parasitised at the bundle's own threshold.
        false_after: the same at the site's.
    """

    bundle_id: str
    bundle_sha256: str
    checked_by: str
    checked_utc: str
    shift: float
    shift_low: float
    shift_high: float
    n_parasitised: int
    n_uninfected: int
    found_before: int
    found_after: int
    false_before: int
    false_after: int

    def __post_init__(self) -> None:
        for name in ("shift", "shift_low", "shift_high"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"site check: {name} is {getattr(self, name)}; a finite logit")
        for name in ("n_parasitised", "n_uninfected"):
            if getattr(self, name) < LEAST_OF_EACH:
                raise ConfigError(
                    f"site check: {name} is {getattr(self, name)}; at least {LEAST_OF_EACH}"
                )


@dataclass(frozen=True)
class Shift:
    """An estimate in logit units with its 95 % interval."""

    value: float
    low: float
    high: float


def estimate_shift(
    logits: F32Array, infected: BoolArray, threshold_logit: float, reference: LogitReference
) -> Shift:
    """How far the threshold must move to lie where it lies at home.

    Args:
        logits: (N,) of the labelled cells.
        infected: (N,) their labels.
        threshold_logit: at home.

    Raises:
        DataError: fewer than LEAST_OF_EACH cells of a class.
    """
    healthy, sick = reference.healthy, reference.infected
    share = (threshold_logit - healthy.median) / (sick.median - healthy.median)
    value = variance = 0.0
    for weight, home, found, label in (
        (1 - share, healthy, logits[~infected], "uninfected"),
        (share, sick, logits[infected], "parasitised"),
    ):
        if len(found) < LEAST_OF_EACH:
            raise DataError(f"{len(found)} cells are {label}; at least {LEAST_OF_EACH} are needed")
        moved, uncertainty = _median_moved(found, home)
        value += weight * moved
        variance += weight**2 * uncertainty
    half = _Z95 * math.sqrt(variance)
    return Shift(value, value - half, value + half)


def _median_moved(found: F32Array, home: ClassLogits) -> tuple[float, float]:
    """How far a class lies from home: posterior mean and variance."""
    noise = _MEDIAN_COST * home.spread**2 / len(found)
    trust = home.between**2 / (home.between**2 + noise)
    return trust * (float(np.median(found)) - home.median), trust * noise


def shift_in_force(site: SiteCheck | None, bundle: Bundle) -> float | None:
    """The shift of this very bundle; None where the site has checked none or another."""
    if site is None or site.bundle_sha256 != bundle.sha256:
        return None
    return site.shift
