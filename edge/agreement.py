"""How far reader and machine agree, specimen by specimen and month by month. Pure.

The reader is whoever judged the specimen at the microscope or signed it; not the truth, but what
the machine is held against. A verdict that is neither positive nor negative is no answer: it is
counted apart and never as agreement.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import VERDICTS
from edge.protocol.exact import share_interval
from edge.protocol.person import PersonCount

POSITIVE, NEGATIVE = "positive", "negative"
# Two-sided 95 % of the normal distribution.
_Z95 = 1.959964
# Of fewer pairs no limits of agreement are given.
LEAST_PAIRS = 3


@dataclass(frozen=True)
class Pair:
    """One specimen as both saw it.

    Attributes:
        at_utc: when it was read, ISO 8601; its first seven letters are the month.
        machine, reader: verdicts.
        machine_per_ul, reader_per_ul: asexual parasites per µL; None where not known.
    """

    specimen_id: str
    at_utc: str
    machine: str
    reader: str
    machine_per_ul: float | None = None
    reader_per_ul: float | None = None

    def __post_init__(self) -> None:
        for who in ("machine", "reader"):
            if getattr(self, who) not in VERDICTS:
                raise DataError(
                    f"specimen {self.specimen_id}: {who} is {getattr(self, who)!r}; "
                    f"known: {', '.join(VERDICTS)}"
                )


@dataclass(frozen=True)
class Share:
    """A share with its exact 95 % interval; all None where there is nothing to share."""

    count: int
    of: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa (1960) with its 95 % interval (Fleiss, Cohen and Everitt 1969).

    None where one of the two always says the same, so that agreement is all chance.
    """

    kappa: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DensityAgreement:
    """Bland and Altman's (1986), of the logarithm of densities, so as factors.

    Attributes:
        pairs: specimens in which both found parasites and counted them.
        ratio: machine over reader, the geometric mean; 1 where neither counts more.
        low, high: limits of agreement: 95 % of ratios lie between them. None below LEAST_PAIRS.
    """

    pairs: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Agreement:
    """Of some specimens.

    Attributes:
        both_positive, machine_alone, reader_alone, both_negative: specimens with two answers.
        unanswered: specimens where one of the two has no answer; so many of the machine are
            `machine_unanswered`.
        sensitivity: of the machine against the reader, by specimen.
    """

    specimens: int
    both_positive: int
    machine_alone: int
    reader_alone: int
    both_negative: int
    unanswered: int
    machine_unanswered: int
    sensitivity: Share
    specificity: Share
    kappa: Kappa
    density: DensityAgreement


def pair_of(
    specimen_id: str,
    at_utc: str,
    reports: Sequence[Mapping[str, Any]],
    persons: Sequence[PersonCount],
) -> Pair | None:
    """What machine and reader said of one specimen; None where no person has said anything.

    Args:
        reports: of its results, oldest first: the first is the machine's alone, and what follows
            was signed by a person.
        persons: what was counted at the microscope; where there is any, that is the reader's
            answer, since it owes nothing to the machine.
    """
    if not reports or (not persons and len(reports) < 2):
        return None
    machine = reports[0]
    density = reports[-1].get("density_per_ul")
    reader = str(reports[-1]["verdict"])
    if persons:
        reader = _verdict_of(persons)
        counted = [person for person in persons if person.complete] or persons
        # The narrowest count is the one that says most.
        best = min(counted, key=lambda one: one.density_high_per_ul - one.density_low_per_ul)
        density = best.density_per_ul
    return Pair(
        specimen_id,
        at_utc,
        str(machine["verdict"]),
        reader,
        machine.get("density_per_ul"),
        density,
    )


def agree(pairs: Iterable[Pair]) -> Agreement:
    """The figures of these specimens together."""
    all_pairs = list(pairs)
    answers = [pair for pair in all_pairs if _answers(pair)]
    both = sum(pair.machine == pair.reader == POSITIVE for pair in answers)
    none = sum(pair.machine == pair.reader == NEGATIVE for pair in answers)
    machine = sum(pair.machine == POSITIVE for pair in answers) - both
    reader = sum(pair.reader == POSITIVE for pair in answers) - both
    return Agreement(
        specimens=len(all_pairs),
        both_positive=both,
        machine_alone=machine,
        reader_alone=reader,
        both_negative=none,
        unanswered=len(all_pairs) - len(answers),
        machine_unanswered=sum(not _is_answer(pair.machine) for pair in all_pairs),
        sensitivity=share_of(both, both + reader),
        specificity=share_of(none, none + machine),
        kappa=cohens_kappa(both, machine, reader, none),
        density=density_agreement(all_pairs),
    )


def agree_by_month(pairs: Iterable[Pair]) -> dict[str, Agreement]:
    """`agree` of each month (YYYY-MM), in order."""
    months: dict[str, list[Pair]] = {}
    for pair in pairs:
        months.setdefault(pair.at_utc[:7], []).append(pair)
    return {month: agree(months[month]) for month in sorted(months)}


def share_of(count: int, of: int) -> Share:
    """A share with Clopper and Pearson's interval."""
    if not of:
        return Share(count, of)
    return Share(count, of, count / of, *share_interval(count, of))


def cohens_kappa(both: int, machine: int, reader: int, none: int) -> Kappa:
    """Agreement beyond chance: 1 is all of it, 0 what two who guess would have.

    Args:
        both: positive for both; `machine` and `reader` for one of them alone; `none` for neither.
    """
    n = both + machine + reader + none
    if not n:
        return Kappa()
    by_machine, by_reader = (both + machine) / n, (both + reader) / n
    chance = by_machine * by_reader + (1 - by_machine) * (1 - by_reader)
    if chance >= 1:
        return Kappa()
    kappa = ((both + none) / n - chance) / (1 - chance)
    half = _Z95 * math.sqrt(max(_kappa_variance(both, machine, reader, none, kappa), 0.0))
    return Kappa(kappa, max(kappa - half, -1.0), min(kappa + half, 1.0))


def density_agreement(pairs: Sequence[Pair]) -> DensityAgreement:
    """Machine's density over reader's, in specimens where both counted parasites."""
    ratios = [
        math.log(pair.machine_per_ul / pair.reader_per_ul)
        for pair in pairs
        if pair.machine_per_ul and pair.reader_per_ul
    ]
    if not ratios:
        return DensityAgreement(0)
    mean = float(np.mean(ratios))
    if len(ratios) < LEAST_PAIRS:
        return DensityAgreement(len(ratios), math.exp(mean))
    half = _Z95 * float(np.std(ratios, ddof=1))
    return DensityAgreement(
        len(ratios), math.exp(mean), math.exp(mean - half), math.exp(mean + half)
    )


def _kappa_variance(both: int, machine: int, reader: int, none: int, kappa: float) -> float:
    """Fleiss, Cohen and Everitt 1969, equation 13 (Psychol Bull 72:323-327)."""
    n = both + machine + reader + none
    table = np.array([[both, machine], [reader, none]]) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    chance = float(rows @ columns)
    # Row i is the machine's answer and column j the reader's; each weighs by the other's margin.
    margins = columns[:, None] + rows[None, :]
    on = sum(
        table[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(len(rows))
    )
    off = (1 - kappa) ** 2 * (table * margins**2 * (1 - np.eye(2))).sum()
    rest = (kappa - chance * (1 - kappa)) ** 2
    return float(on + off - rest) / (n * (1 - chance) ** 2)


def _verdict_of(persons: Sequence[PersonCount]) -> str:
    if any(person.seen for person in persons):
        return POSITIVE
    return NEGATIVE if any(person.complete for person in persons) else "inconclusive"


def _is_answer(verdict: str) -> bool:
    return verdict in (POSITIVE, NEGATIVE)


def _answers(pair: Pair) -> bool:
    return _is_answer(pair.machine) and _is_answer(pair.reader)
