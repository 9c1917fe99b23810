"""The verdict once persons have judged suspect cells or counted slides, and the reason.

One parasite that a person saw makes a slide positive. Negative needs every suspect cell judged and
none infected, and what the protocol asks for: its count by the machine with an interval below its
limit, or its count by a person.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.contract.types import SlideReport
from edge.protocol.definition import THICK, Protocol
from edge.protocol.interval import Interval
from edge.protocol.judged import ReviewedCounts
from edge.protocol.person import PersonCount
from edge.protocol.verdict import too_few


def decide_reviewed(
    report: SlideReport,
    counts: ReviewedCounts,
    persons: Sequence[PersonCount],
    interval: Interval | None,
    protocol: Protocol,
) -> tuple[str, str]:
    """Verdict and the reason.

    Args:
        interval: of the reviewed count; None where no cell was judged, or nothing can be said.
    """
    seen = _seen(counts, persons)
    if seen:
        return "positive", seen
    if not counts.reviewed:
        machine = report.verdict, report.why
    elif counts.waiting:
        return "inconclusive", (
            f"None of {counts.reviewed:,} cells that were reviewed is infected; "
            f"{counts.waiting:,} suspect cells wait for their review."
        )
    else:
        machine = _decide_all_judged(report, counts, interval, protocol)
    if machine[0] != "inconclusive" or counts.waiting or not report.finished:
        return machine
    return _by_person(persons, machine[1]) or machine


def _seen(counts: ReviewedCounts, persons: Sequence[PersonCount]) -> str:
    """Parasites that a person saw, in a sentence or two; empty where none did."""
    parts = []
    if counts.confirmed:
        parts.append(_confirmed(counts))
    parts += [_count(person) for person in persons if person.seen]
    return " ".join(parts)


def _confirmed(counts: ReviewedCounts) -> str:
    are = "cell is" if counts.confirmed == 1 else "cells are"
    text = f"{counts.confirmed:,} {are} infected, as a person confirmed"
    gametocytes = counts.gametocytes.confirmed + counts.gametocytes.found
    if gametocytes == counts.confirmed:
        text += "; all are gametocytes"
    if counts.waiting:
        text += f"; {counts.waiting:,} suspect cells wait for their review"
    return f"{text}."


def _count(person: PersonCount) -> str:
    against = f"{person.rbc_counted:,} red cells"
    if person.smear == THICK:
        against = f"{person.wbc_counted:,} white cells"
    apart = f" and {person.gametocytes:,} gametocytes" if person.gametocytes else ""
    more = ""
    if not person.complete:
        more = f" ({person.missing:,} more cells are to be counted against)"
    return (
        f"A person counted {person.parasites:,} asexual parasites{apart} against {against} on a "
        f"{person.smear} smear{more}."
    )


def _decide_all_judged(
    report: SlideReport, counts: ReviewedCounts, interval: Interval | None, protocol: Protocol
) -> tuple[str, str]:
    none = f"None of {counts.reviewed:,} cells that were reviewed is infected"
    if not report.finished:
        return "inconclusive", f"{none}, but the slide was not read to its end: {report.why}"
    if report.verdict == "refused":
        return "refused", f"{none}. {report.why}"
    if interval is None:
        return "inconclusive", (
            f"{none}, but the record does not say how often the classifier errs: screen the slide "
            "again."
        )
    short = too_few(counts.rbc_count, report.fields_read, interval, protocol)
    if short:
        return "inconclusive", f"{none}. {short}"
    if interval.high > protocol.negative_limit_fraction:
        return "inconclusive", (
            f"{none}; a parasitaemia of up to {100 * interval.high:.1f} % cannot be excluded: "
            "read more fields."
        )
    excluded = f"a parasitaemia above {100 * interval.high:.2f} % is excluded at 95 %"
    return "negative", f"{none}; of {counts.rbc_count:,} red cells, {excluded}."


def _by_person(persons: Sequence[PersonCount], machine_why: str) -> tuple[str, str] | None:
    """A person's complete count without a parasite; it stands where the machine read too little."""
    complete = [person for person in persons if person.complete]
    if not complete:
        return None
    best = min(complete, key=lambda person: person.density_high_per_ul)
    return "negative", (
        f"{_count(best)} A density above {best.density_high_per_ul:,.0f} per µL is excluded at "
        f"95 %. By the machine alone: {machine_why}"
    )
