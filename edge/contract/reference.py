"""Where a network's logits lie at home: what a slide, a site and a reviewer are held against.

Numbers of held-out cells of patients that the network had not seen. They are measured on the
workstation and only compared here; without them nothing is adjusted and no cell is uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from edge.contract.errors import ManifestError


@dataclass(frozen=True)
class ClassLogits:
    """The logits of one class of cells.

    Attributes:
        median: over all patients.
        spread: within a patient, as the standard deviation of a normal distribution.
        between: standard deviation of the patients' medians: how far a slide may lie off.
    """

    median: float
    spread: float
    between: float

    def __post_init__(self) -> None:
        _check_finite("logit_reference", self)
        for name in ("spread", "between"):
            if getattr(self, name) <= 0:
                raise ManifestError(f"logit_reference.{name} is {getattr(self, name)}; above 0")


@dataclass(frozen=True)
class UncertainBand:
    """Which calls a reviewer is asked about: class-conditional conformal sets (Vovk 2005).

    Attributes:
        healthy_high: logit up to which "uninfected" stays in a cell's set of labels.
        infected_low: logit from which "parasitised" stays in it.
        error_rate: share of each class whose set lacks its label, on the cells they come from.
        most_share: of a specimen's counted cells that may be uncertain.
    """

    healthy_high: float
    infected_low: float
    error_rate: float
    most_share: float

    def __post_init__(self) -> None:
        _check_finite("uncertain", self)
        for name in ("error_rate", "most_share"):
            if not 0 < getattr(self, name) < 1:
                raise ManifestError(f"uncertain.{name} is {getattr(self, name)}; between 0 and 1")


@dataclass(frozen=True)
class SlideReference:
    """What the healthy majority of a slide is brought to.

    Attributes:
        high: the upper quantile of the logits of healthy cells, at `share`.
        share: which quantile, of the cells that lie below `limit`.
        limit: logit from which a cell is not taken for healthy.
    """

    high: float
    share: float
    limit: float

    def __post_init__(self) -> None:
        _check_finite("slide", self)
        if not 0.5 <= self.share < 1:
            raise ManifestError(f"slide.share is {self.share}; from 0.5 to below 1")
        if self.high >= self.limit:
            raise ManifestError(f"slide.high is {self.high}; below slide.limit, {self.limit}")


@dataclass(frozen=True)
class LogitReference:
    """All of them; None where a network does better without.

    Attributes:
        chosen_on: data set and part.
    """

    chosen_on: str
    healthy: ClassLogits
    infected: ClassLogits
    slide: SlideReference | None = None
    uncertain: UncertainBand | None = None

    def __post_init__(self) -> None:
        if self.healthy.median >= self.infected.median:
            raise ManifestError(
                f"logit_reference: healthy median is {self.healthy.median}; below that of infected "
                f"cells, {self.infected.median}"
            )


def _check_finite(where: str, numbers: object) -> None:
    for item in fields(numbers):  # type: ignore[arg-type]
        value = getattr(numbers, item.name)
        if not math.isfinite(value):
            raise ManifestError(f"{where}.{item.name} is {value}; a finite number")
