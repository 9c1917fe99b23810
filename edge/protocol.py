"""Counts, parasitaemia with its 95 % interval, and the verdict. Pure functions of what was counted.

A failure never becomes negative: negative needs the protocol's minimum count on usable fields, no
suspect cell, and an interval that excludes more parasites than the protocol tolerates. A slide that
is mostly no smear has no verdict at all, whatever was seen on the rest of it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from edge.analysis.quality import NOT_A_SMEAR, STAIN_UNKNOWN, THICK_SMEAR
from edge.contract.errors import ConfigError
from edge.contract.labels import GAMETOCYTE
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import RanOn, SlideReport
from edge.tally import Tally

# Two-sided 95 % of the normal distribution.
Z95 = 1.959964
# Reasons of fields that speak against the slide, not against the light or the focus.
NO_SMEAR_REASONS = (NOT_A_SMEAR, STAIN_UNKNOWN, THICK_SMEAR)
MOST_NO_SMEAR_SHARE = 0.5


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
    least, most = _bounds(rate, n, se, Z95 * math.sqrt(var_se), sp)
    # Fewer calls than the false alarms expected must not exclude everything: n cells without a
    # parasite exclude no more than this.
    floor = _shrunk(0.0, count, Z95**2)[0] * 2 / se
    low = _clip(min(true + shift - half, least))
    high = _clip(max(min(true + shift + half, most), floor))
    return Interval(min(max(_clip(plain), low), high), min(low, high), high)


def _bounds(rate: float, n: float, se: float, se_half: float, sp: float) -> tuple[float, float]:
    """What the interval's lower end may not exceed, and its upper end neither.

    Args:
        se: sensitivity; `se_half` is half the width of its own 95 % interval.
    """
    noise = Z95 * math.sqrt(rate * (1 - rate) / n)
    # False alarms only add positives: as many infected cells as were called, over the sensitivity,
    # bound the truth whatever the specificity is on this slide.
    most = (rate + noise) / (se - se_half)
    # A classifier known from few slides may miss nothing on this one, which a normal distribution
    # of its sensitivity does not say, as a rate ends at 1.
    least = (rate - noise + sp - 1) / sp if se + se_half >= 1 else 1.0
    return least, most


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
        disagreement_count=tally.disagreement_count,
        refused_cell_count=tally.refused_cell_count,
        gametocyte_count=tally.stage_counts[GAMETOCYTE] if ran_on.stages_bundle_id else None,
        stage_counts=tally.stage_counts if ran_on.stages_bundle_id else {},
    )


def decide(tally: Tally, interval: Interval | None, protocol: Protocol) -> tuple[str, str]:
    """Verdict and the reason in one sentence."""
    no_smear = _decide_no_smear(tally)
    if no_smear or interval is None:
        return no_smear or _decide_nothing_counted(tally)
    counted = _counted(tally)
    if interval.low > 0 and tally.positive_count >= protocol.minimum_positive_count:
        more = f"{counted}, more than false alarms alone would give."
        return "positive", f"{more}{_gametocytes(tally)}"
    missing = protocol.minimum_rbc_count - tally.rbc_count
    if missing > 0:
        fields = math.ceil(missing / max(tally.rbc_count / max(tally.fields_read, 1), 1))
        return "inconclusive", (
            f"{tally.rbc_count:,} red cells counted, {protocol.name} asks for "
            f"{protocol.minimum_rbc_count:,}: about {fields} more fields are needed."
        )
    excluded = f"a parasitaemia of up to {interval.high:.1%} cannot be excluded"
    if tally.positive_count or tally.uncounted_suspects:
        # One parasite makes a slide positive, so nobody may call it negative over a suspect cell.
        others = _uncounted(tally)
        return "inconclusive", f"{counted}{others}; {excluded}: have the suspect cells reviewed."
    if interval.high > protocol.negative_limit_fraction:
        return "inconclusive", f"{counted}; {excluded}: read more fields."
    return "negative", f"{counted}; a parasitaemia above {interval.high:.2%} is excluded at 95 %."


def _counted(tally: Tally) -> str:
    looks = "look" if tally.positive_count > 1 else "looks"
    number = f"{tally.positive_count:,}" if tally.positive_count else "None"
    return f"{number} of {tally.rbc_count:,} red cells {looks} infected"


def _gametocytes(tally: Tally) -> str:
    """Parasites were seen, so the verdict stands; who reads it must know which."""
    found = tally.stage_counts[GAMETOCYTE]
    if not found:
        return ""
    if found == tally.positive_count:
        return " All of them look like gametocytes."
    looks = "look like gametocytes" if found > 1 else "looks like a gametocyte"
    return f" {found:,} of them {looks}."


def _uncounted(tally: Tally) -> str:
    if not tally.uncounted_suspects:
        return ""
    return (
        f", besides {tally.uncounted_suspects:,} not counted (cut by a field's edge or unlike any "
        "red cell)"
    )


def _decide_no_smear(tally: Tally) -> tuple[str, str] | None:
    """A refusal where most fields are no smear; None where they are one."""
    foreign = Counter(reason for reason in tally.reasons if reason in NO_SMEAR_REASONS)
    count, fields = foreign.total(), tally.fields_read + tally.fields_refused
    if count <= MOST_NO_SMEAR_SHARE * fields:
        return None
    reason, _ = foreign.most_common(1)[0]
    why = f"{count:,} of {fields:,} fields were refused: {reason}"
    if tally.positive_count or tally.uncounted_suspects:
        seen = f"{_counted(tally)}{_uncounted(tally)}"
        return "refused", f"{why}. On the others, {seen}: have the suspect cells reviewed."
    return "refused", f"{why}."


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
