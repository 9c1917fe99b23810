"""The report of a specimen after persons have judged its suspect cells and counted its slides.

What a person judged is no false alarm any more; what the machine never called is still not seen.
Pure: it takes the machine's report and what people said, and gives the report to be signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from edge.contract.manifest import ErrorRate
from edge.contract.types import SlideReport
from edge.protocol.definition import Protocol, ThickProtocol
from edge.protocol.exact import share_interval
from edge.protocol.interval import Interval, reviewed_interval
from edge.protocol.judged import Calls, JudgedCell, ReviewedCounts, count_reviewed
from edge.protocol.person import PersonCount, count_of_person
from edge.protocol.progress import progress, wanted_count
from edge.protocol.reviewed_verdict import decide_reviewed
from edge.protocol.summary import assumptions_of, density_of

if TYPE_CHECKING:
    from edge.store.records import PersonTally

Rates = tuple[ErrorRate, ErrorRate]


def counts_of_persons(
    tallies: Iterable[PersonTally], protocol: Protocol, thick: ThickProtocol
) -> list[PersonCount]:
    """Stored tallies in parasites per µL: the newest of each reader on each slide.

    Raises:
        DataError: a tally that counts nothing, or more infected cells than cells.
    """
    return [_count(tally, protocol, thick) for tally in newest_tallies(tallies)]


def newest_tallies(tallies: Iterable[PersonTally]) -> list[PersonTally]:
    """The newest reading of each slide by each reader; what they counted before is history."""
    newest: dict[tuple[int, str], PersonTally] = {}
    for tally in sorted(tallies, key=lambda tally: tally.tally_id):
        newest[tally.slide_id, tally.by] = tally
    return sorted(newest.values(), key=lambda tally: tally.tally_id)


def summarise_reviewed(
    report: SlideReport,
    cells: Sequence[JudgedCell],
    tallies: Iterable[PersonTally],
    protocol: Protocol,
    thick: ThickProtocol,
) -> SlideReport:
    """The report to be signed.

    Args:
        report: the machine's own, as it was when the specimen ended (`SlideReport.from_json`);
            never one that this function made.
        cells: all its suspect cells (`judged_cells`).
        tallies: what persons counted at the microscope.

    Raises:
        DataError: a tally that counts nothing, or more infected cells than cells.
    """
    counts = count_reviewed(report, cells)
    persons = counts_of_persons(tallies, protocol, thick)
    interval = None
    result = report
    if counts.reviewed:
        rates = _rates(report)
        interval = _interval(report, counts.rbc_count, counts.calls, rates)
        result = _with_counts(report, counts, interval, rates, protocol)
    verdict, why = decide_reviewed(report, counts, persons, interval, protocol)
    plain = tuple(asdict(person) for person in persons)
    return replace(result, verdict=verdict, why=why, person_counts=plain)


def _with_counts(
    report: SlideReport,
    counts: ReviewedCounts,
    interval: Interval | None,
    rates: Rates | None,
    protocol: Protocol,
) -> SlideReport:
    """The report with the reviewed count in place of the machine's."""
    asexual = _interval(report, counts.rbc_count, counts.asexual, rates)
    density = density_of(asexual, protocol.rbc_per_ul)
    wanted = 0
    if interval and rates:
        wanted = wanted_count(interval, rates[0], rates[1] if counts.calls.waiting else None)
    still = progress(counts.rbc_count, report.fields_read, interval, protocol, wanted)
    positive, told = counts.calls.total, counts.stages_told
    return replace(
        report,
        rbc_count=counts.rbc_count,
        positive_count=positive,
        observed_fraction=positive / counts.rbc_count if counts.rbc_count else None,
        parasitaemia_fraction=interval.estimate if interval else None,
        ci_low=interval.low if interval else None,
        ci_high=interval.high if interval else None,
        mistaken_fraction=interval.mistaken_fraction if interval else None,
        density_per_ul=density.estimate,
        density_low_per_ul=density.low,
        density_high_per_ul=density.high,
        rbc_per_ul=protocol.rbc_per_ul,
        protocol=protocol.name,
        protocol_version=protocol.version,
        minimum_rbc_count=still.minimum_rbc_count,
        minimum_usable_fields=protocol.minimum_usable_fields,
        more_fields=still.more_fields,
        more_fields_why=still.why,
        gametocyte_count=counts.gametocytes.total if told else None,
        stage_counts=counts.stages if told else {},
        uncounted_suspect_count=counts.uncounted_waiting + counts.uncounted_confirmed,
        assumptions=assumptions_of(protocol, stages_told=told),
        reviewed_count=counts.reviewed,
        confirmed_count=counts.confirmed,
        rejected_count=counts.rejected,
        unreviewed_count=counts.waiting,
    )


def _count(tally: PersonTally, protocol: Protocol, thick: ThickProtocol) -> PersonCount:
    return count_of_person(
        protocol,
        thick,
        parasites=tally.parasites,
        gametocytes=tally.gametocytes,
        wbc_counted=tally.wbc_counted,
        rbc_counted=tally.rbc_counted,
        wbc_per_ul=tally.wbc_per_ul,
        by=tally.by,
        at_utc=tally.at_utc,
    )


def _rates(report: SlideReport) -> Rates | None:
    """The error rates that the machine's interval corrected for; None in records from before."""
    values = (
        report.sensitivity_cell,
        report.sensitivity_n_effective,
        report.specificity_cell,
        report.specificity_n_effective,
    )
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return None
    # Of how many cells and patients they come is not what an interval needs.
    return ErrorRate(numbers[0], 0, 0, numbers[1]), ErrorRate(numbers[2], 0, 0, numbers[3])


def _interval(
    report: SlideReport, rbc_count: int, calls: Calls, rates: Rates | None
) -> Interval | None:
    """None where nothing was counted, or how often the classifier errs is not on the record.

    Calls that wait for a person may all be false alarms or all be real; the interval holds both
    ends.
    """
    if not rbc_count or rates is None:
        return None
    sensitivity, specificity = rates
    least = reviewed_interval(min(calls.confirmed, rbc_count), rbc_count, sensitivity)
    most = reviewed_interval(
        min(calls.confirmed + calls.waiting, rbc_count), rbc_count, sensitivity
    )
    # What a person found beyond the machine's calls is some of what the machine misses, so it is
    # in the correction already; but there are no fewer than were seen.
    seen = min(calls.confirmed + calls.found, rbc_count)
    low = max(least.low, share_interval(seen, rbc_count)[0])
    high = max(most.high, share_interval(seen, rbc_count)[1])
    share = calls.waiting / max(report.positive_count, calls.waiting, 1)
    alarms = (1 - specificity.rate) * rbc_count * share
    infected = calls.confirmed + max(calls.waiting - alarms, 0)
    estimate = max(infected / sensitivity.rate, seen) / rbc_count
    return Interval(min(max(estimate, low), high), low, high, 0.0 if seen else 1.0)
