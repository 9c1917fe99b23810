"""Counts, parasitaemia with its 95 % interval, and the verdict. Pure functions of what was counted.

A failure never becomes negative: negative needs the protocol's minimum count on usable fields, no
suspect cell, and an interval that excludes more parasites than the protocol tolerates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from edge.contract.errors import ConfigError
from edge.contract.labels import is_infected
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import FieldResult, RanOn, SlideReport

# Two-sided 95 % of the normal distribution.
Z95 = 1.959964


@dataclass(frozen=True)
class Protocol:
    """How many cells a result rests on.

    Attributes:
        minimum_rbc_count: red cells before a slide may be called negative; WHO counts 5,000
            (Malar J s12936-021-03889-7, fig. 3).
        negative_limit_fraction: a negative slide's interval must lie below this parasitaemia.
        minimum_positive_count: suspect cells before a slide may be called positive; in a field
            with a handful of cells a single false alarm would be enough for the interval.
    """

    name: str = "who-thin-5000"
    minimum_rbc_count: int = 5000
    negative_limit_fraction: float = 0.002
    minimum_positive_count: int = 3

    def __post_init__(self) -> None:
        for name in ("minimum_rbc_count", "minimum_positive_count"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"protocol {self.name}: {name} is {getattr(self, name)}; at least 1"
                )
        if not 0 < self.negative_limit_fraction < 1:
            raise ConfigError(
                f"protocol {self.name}: negative_limit_fraction is {self.negative_limit_fraction}; "
                "between 0 and 1"
            )


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, fractions between 0 and 1."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Tally:
    """What has been counted of one specimen; add fields to it one by one.

    Attributes:
        reasons: of the refused fields, one each.
        cut_suspects: cells that look infected but are cut by a field's edge, so not counted.
    """

    rbc_count: int = 0
    positive_count: int = 0
    fields_read: int = 0
    fields_refused: int = 0
    reasons: tuple[str, ...] = ()
    cut_suspects: int = 0

    def add(self, result: FieldResult) -> Tally:
        """The tally with one more field; a refused field adds its reason and no cell."""
        if not result.quality.usable:
            reasons = (*self.reasons, result.quality.reason)
            return replace(self, fields_refused=self.fields_refused + 1, reasons=reasons)
        positive = count_positive(result)
        suspects = sum(is_infected(cell.label) for cell in result.cells)
        return replace(
            self,
            rbc_count=self.rbc_count + result.rbc_count,
            positive_count=self.positive_count + positive,
            fields_read=self.fields_read + 1,
            cut_suspects=self.cut_suspects + suspects - positive,
        )


def count_positive(result: FieldResult) -> int:
    """Whole red cells of a field that were called infected."""
    return sum(cell.counted and is_infected(cell.label) for cell in result.cells)


def corrected_interval(
    positive_count: int, count: int, sensitivity: ErrorRate, specificity: ErrorRate
) -> Interval:
    """True fraction from a count by an imperfect classifier (Rogan and Gladen 1978).

    The interval is Lang and Reiczigel's (Prev Vet Med 2014;113:13-22): counting noise and the
    uncertainty of both error rates together. The rates' effective sample sizes make slides, not
    cells, the unit that varies.

    Raises:
        ConfigError: the classifier is no better than chance, so nothing can be corrected.
    """
    rate, n = _shrunk(positive_count / count, count, Z95**2)
    se, n_se = _shrunk(sensitivity.rate, sensitivity.n_effective, 2)
    sp, n_sp = _shrunk(specificity.rate, specificity.n_effective, 2)
    youden = se + sp - 1
    if youden <= 0.05:
        raise ConfigError(f"sensitivity {se:.3f} and specificity {sp:.3f} cannot be corrected for")
    true = (rate + sp - 1) / youden
    var_se, var_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * Z95**2 * (true * var_se - (1 - true) * var_sp)
    spread = math.sqrt(rate * (1 - rate) / n + true**2 * var_se + (1 - true) ** 2 * var_sp)
    half = Z95 * spread / youden
    plain = (positive_count / count + specificity.rate - 1) / (
        sensitivity.rate + specificity.rate - 1
    )
    # False alarms only add positives: as many infected cells as were called, over the sensitivity,
    # bound the truth whatever the specificity is on this slide.
    most_called = rate + Z95 * math.sqrt(rate * (1 - rate) / n)
    ceiling = most_called / (se - Z95 * math.sqrt(var_se))
    # Fewer calls than the false alarms expected must not exclude everything: n cells without a
    # parasite exclude no more than this.
    floor = _shrunk(0.0, count, Z95**2)[0] * 2 / se
    low, high = _clip(true + shift - half), _clip(max(min(true + shift + half, ceiling), floor))
    return Interval(min(max(_clip(plain), low), high), min(low, high), high)


def _shrunk(rate: float, n: float, weight: float) -> tuple[float, float]:
    """Agresti and Coull's adjustment: `weight` more trials, half of them successes."""
    return (rate * n + weight / 2) / (n + weight), n + weight


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def summarise(
    tally: Tally, protocol: Protocol, operating_point: OperatingPoint, ran_on: RanOn
) -> SlideReport:
    """The report of a specimen, finished or not."""
    interval = None
    if tally.rbc_count:
        interval = corrected_interval(
            tally.positive_count,
            tally.rbc_count,
            operating_point.sensitivity_cell,
            operating_point.specificity_cell,
        )
    verdict, why = decide(tally, interval, protocol)
    return SlideReport(
        verdict=verdict,
        why=why,
        rbc_count=tally.rbc_count,
        positive_count=tally.positive_count,
        parasitaemia_fraction=interval.estimate if interval else None,
        ci_low=interval.low if interval else None,
        ci_high=interval.high if interval else None,
        observed_fraction=tally.positive_count / tally.rbc_count if tally.rbc_count else None,
        fields_read=tally.fields_read,
        fields_refused=tally.fields_refused,
        minimum_rbc_count=protocol.minimum_rbc_count,
        protocol=protocol.name,
        ran_on=ran_on,
    )


def decide(tally: Tally, interval: Interval | None, protocol: Protocol) -> tuple[str, str]:
    """Verdict and the reason in one sentence."""
    if interval is None:
        return _decide_nothing_counted(tally)
    looks = "look" if tally.positive_count > 1 else "looks"
    number = f"{tally.positive_count:,}" if tally.positive_count else "None"
    counted = f"{number} of {tally.rbc_count:,} red cells {looks} infected"
    if interval.low > 0 and tally.positive_count >= protocol.minimum_positive_count:
        return "positive", f"{counted}, more than false alarms alone would give."
    missing = protocol.minimum_rbc_count - tally.rbc_count
    if missing > 0:
        fields = math.ceil(missing / max(tally.rbc_count / max(tally.fields_read, 1), 1))
        return "inconclusive", (
            f"{tally.rbc_count:,} red cells counted, {protocol.name} asks for "
            f"{protocol.minimum_rbc_count:,}: about {fields} more fields are needed."
        )
    excluded = f"a parasitaemia of up to {interval.high:.1%} cannot be excluded"
    if tally.positive_count or tally.cut_suspects:
        # One parasite makes a slide positive, so nobody may call it negative over a suspect cell.
        cut = f", and {tally.cut_suspects:,} cut by a field's edge" if tally.cut_suspects else ""
        return "inconclusive", f"{counted}{cut}; {excluded}: have the suspect cells reviewed."
    if interval.high > protocol.negative_limit_fraction:
        return "inconclusive", f"{counted}; {excluded}: read more fields."
    return "negative", f"{counted}; a parasitaemia above {interval.high:.2%} is excluded at 95 %."


def _decide_nothing_counted(tally: Tally) -> tuple[str, str]:
    if tally.fields_refused:
        reason, times = Counter(tally.reasons).most_common(1)[0]
        return "refused", (
            f"No field could be read ({tally.fields_refused} refused); most often "
            f"({times}): {reason}"
        )
    if tally.fields_read:
        return "inconclusive", "No whole red cell was found on the fields read."
    return "inconclusive", "No field has been read yet."


def tally_fields(results: Iterable[FieldResult]) -> Tally:
    """The tally of many fields."""
    tally = Tally()
    for result in results:
        tally = tally.add(result)
    return tally
