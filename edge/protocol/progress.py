"""How far a slide is on its way to the protocol's count, and how many more fields it needs.

More are needed below the minimum count of red cells or fields. Above it they are asked for where
the interval is wide and reading on can help: it is wider than `wide_interval_ratio` times its
estimate, and counting noise is the larger part of its variance. The rest is the classifier's own
spread between slides, which no number of fields takes away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.contract.manifest import ErrorRate
from edge.contract.types import SlideReport
from edge.protocol.definition import Protocol
from edge.protocol.interval import Interval


@dataclass(frozen=True)
class Progress:
    """Toward the protocol's count.

    Attributes:
        minimum_rbc_count: at the parasitaemia seen so far.
        missing_fields: until the minimum is reached, at as many cells a field as so far.
        more_fields: those, or as many as an interval that is too wide asks for.
        why: of `more_fields`; empty where it is 0.
    """

    minimum_rbc_count: int
    missing_fields: int
    more_fields: int
    why: str


def progress(
    rbc_count: int,
    fields_read: int,
    interval: Interval | None,
    protocol: Protocol,
    wanted_rbc_count: int = 0,
) -> Progress:
    """What is still to be read.

    Args:
        wanted_rbc_count: that would make counting noise the smaller part (`wanted_count`).
    """
    minimum = protocol.minimum_for(interval.estimate if interval else None)
    each = max(rbc_count / max(fields_read, 1), 1)
    of_cells = math.ceil(max(minimum - rbc_count, 0) / each)
    of_fields = max(protocol.minimum_usable_fields - fields_read, 0)
    missing = max(of_cells, of_fields)
    if missing:
        return Progress(minimum, missing, missing, _why_missing(rbc_count, fields_read, minimum))
    wanted = min(wanted_rbc_count, protocol.most_rbc_count)
    if interval is None or not _is_wide(interval, protocol) or wanted <= rbc_count:
        return Progress(minimum, 0, 0, "")
    more = math.ceil((wanted - rbc_count) / each)
    return Progress(minimum, 0, more, "the interval is wide, and more cells would narrow it")


def wanted_count(interval: Interval, sensitivity: ErrorRate, specificity: ErrorRate | None) -> int:
    """Red cells from which on counting noise is the smaller part of the interval's variance.

    Args:
        specificity: None where every call was reviewed.
    """
    p, se = interval.estimate, sensitivity.rate
    alarms = 1 - specificity.rate if specificity else 0.0
    called = p * se + (1 - p) * alarms
    between = p**2 * se * (1 - se) / max(sensitivity.n_effective, 1)
    if specificity:
        between += (1 - p) ** 2 * alarms * (1 - alarms) / max(specificity.n_effective, 1)
    if between <= 0:
        return 0
    return math.ceil(called * (1 - called) / between)


def enough(report: SlideReport) -> bool:
    """The protocol's minimum of red cells and fields is reached, and no more fields would help."""
    return (
        report.rbc_count >= report.minimum_rbc_count
        and report.fields_read >= report.minimum_usable_fields
        and not report.more_fields
    )


def _is_wide(interval: Interval, protocol: Protocol) -> bool:
    # Of no parasite at all no interval is narrow against its estimate; there the limit decides.
    if not interval.estimate:
        return interval.high > protocol.negative_limit_fraction
    return interval.high - interval.low > protocol.wide_interval_ratio * interval.estimate


def _why_missing(rbc_count: int, fields_read: int, minimum: int) -> str:
    if rbc_count < minimum:
        return f"{rbc_count:,} of {minimum:,} red cells are counted"
    return f"only {fields_read:,} fields could be read"
