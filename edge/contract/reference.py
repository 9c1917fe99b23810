"""Where a bundle's logits lie at home: what a site and a reviewer are held against.

Numbers of held-out cells of patients that the networks had not seen. They are measured on the
workstation and only compared here; without them nothing is adjusted and no cell is uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from edge.contract.errors import ManifestError

# Beyond it the classifier would hardly be heard.
MOST_NOVELTY_WEIGHT = 4.0


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
class LogitReference:
    """Where the logits lie that the cells of a field are called by.

    Attributes:
        chosen_on: data set and part.
        novelty_weight: so many times the novelty network's logit is added to the classifier's; the
            field's operating point and all numbers here are of the sum. 0 leaves the classifier
            alone.
        uncertain: None asks a reviewer about no cell.
    """

    chosen_on: str
    healthy: ClassLogits
    infected: ClassLogits
    novelty_weight: float = 0.0
    uncertain: UncertainBand | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.novelty_weight <= MOST_NOVELTY_WEIGHT:
            raise ManifestError(
                f"logit_reference.novelty_weight is {self.novelty_weight}; 0 to "
                f"{MOST_NOVELTY_WEIGHT:g}"
            )
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
