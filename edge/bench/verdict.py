"""Whether a record may be laid beside another: "comparable", or "not comparable because ...".

A figure taken on a machine that was throttled, busy or drifting is a figure of that hour. Nothing
is corrected here; the reader is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.bench.agreement import FLOAT, Agreement
from edge.bench.machine import Load
from edge.bench.sensors import Sensors
from edge.bench.single_stream import SingleStream
from edge.bench.sustained import Sustained
from edge.contract.types import RanOn

COMPARABLE = "comparable"
# Below so many calls a 99th percentile is a handful of calls.
LEAST_RUNS = 300
# Of one processor; a desktop at rest takes a few hundredths.
MOST_OTHERS_CORES = 0.15
MOST_DRIFT, MOST_UNSTEADY, MOST_SLOWED = 0.05, 0.15, 0.1
MOST_WARMING_C = 15.0
LEAST_CLOCK = 0.95
LEAST_CALLS_AGREE = 0.98
STEADY_GOVERNOR = "performance"


@dataclass(frozen=True)
class Facts:
    """What the verdict rests on; parts that were not measured are None.

    Attributes:
        drift, unsteadiness: of the first model's blocks, see `edge.bench.models.Timings`.
    """

    runs: int
    drift: float
    unsteadiness: float
    before: Sensors
    after: Sensors
    load: Load
    ran_on: RanOn
    agreement: Agreement
    sustained: Sustained | None = None
    single_stream: SingleStream | None = None


@dataclass(frozen=True)
class Verdict:
    """Comparable where there is no reason against it; notes are what was not told."""

    comparable: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """For a person."""
        return COMPARABLE if self.comparable else f"not {COMPARABLE} because {self.because}"

    @property
    def because(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)


def judge(facts: Facts) -> Verdict:
    """Every reason against comparing, and what the machine did not tell."""
    reasons = (
        *_supply(facts.before, facts.after),
        *_clock(facts.before, facts.after),
        *_company(facts.load),
        *_timing(facts),
        *_network(facts),
        *_long_runs(facts),
    )
    return Verdict(not reasons, reasons, tuple(_untold(facts)))


def _supply(before: Sensors, after: Sensors) -> Iterator[str]:
    now = dict.fromkeys((*before.now, *after.now))
    for what in now:
        yield f"the firmware reports {what} during the run"
    for what in after.since_boot:
        if what not in before.since_boot and what not in now:
            yield f"the firmware has noted {what} since the run began"
    if (after.throttle_events or 0) > (before.throttle_events or 0):
        times = (after.throttle_events or 0) - (before.throttle_events or 0)
        yield f"the processor was throttled {times} times during the run"


def _clock(before: Sensors, after: Sensors) -> Iterator[str]:
    others = sorted({name for name in after.governors if name != STEADY_GOVERNOR})
    if others:
        yield f"the governor is {', '.join(others)}, not {STEADY_GOVERNOR}"
    elif after.clocks_mhz and after.most_clocks_mhz:
        share = min(after.clocks_mhz) / max(after.most_clocks_mhz)
        if share < LEAST_CLOCK:
            yield f"a core ran at {100 * share:.0f} % of its highest clock at the end"
    if before.hottest_c is not None and after.hottest_c is not None:
        warmer = after.hottest_c - before.hottest_c
        if warmer > MOST_WARMING_C:
            yield f"thermal drift: the machine became {warmer:.0f} °C warmer"


def _company(load: Load) -> Iterator[str]:
    if load.others_cores is not None and load.others_cores > MOST_OTHERS_CORES:
        yield (
            f"load of the machine: other processes took {load.others_cores:.2f} processors, "
            f"{MOST_OTHERS_CORES} is allowed"
        )


def _timing(facts: Facts) -> Iterator[str]:
    if facts.runs < LEAST_RUNS:
        yield f"too few runs: {facts.runs}, at least {LEAST_RUNS} are needed"
    if abs(facts.drift) > MOST_DRIFT:
        slower = "slower" if facts.drift > 0 else "faster"
        drift = f"{100 * abs(facts.drift):.0f} %"
        yield f"drift: calls were {drift} {slower} at the end than at the start"
    if facts.unsteadiness > MOST_UNSTEADY:
        yield f"unsteady: medians of the blocks span {100 * facts.unsteadiness:.0f} %"


def _network(facts: Facts) -> Iterator[str]:
    if facts.ran_on.fallback:
        why = f" ({facts.ran_on.fallback_why})" if facts.ran_on.fallback_why else ""
        yield f"fallback: {facts.ran_on.runtime}/{facts.ran_on.accelerator} stood in{why}"
    found = facts.agreement
    alike = found.calls_agree or 0.0
    if found.kind == FLOAT and alike < LEAST_CALLS_AGREE:
        yield f"INT8 and float call only {100 * alike:.1f} % of the cells alike"


def _long_runs(facts: Facts) -> Iterator[str]:
    if facts.sustained and facts.sustained.drift > MOST_SLOWED:
        slower = f"{100 * facts.sustained.drift:.0f} % slower"
        yield f"thermal drift: {slower} once warm than at the start"
    if facts.sustained and (
        told := {name for w in facts.sustained.windows for name in w.throttled}
    ):
        yield f"the firmware reports {', '.join(sorted(told))} while sustained"
    if facts.single_stream and facts.single_stream.why_invalid:
        yield f"not valid by the SingleStream rules: {facts.single_stream.why_invalid}"


def _untold(facts: Facts) -> Iterator[str]:
    after = facts.after
    for what, told in (
        ("temperature", after.temperatures_c),
        ("clock", after.clocks_mhz),
        ("governor", after.governors),
        ("throttling", after.throttle_word or after.throttle_events is not None),
        ("load", facts.load.others_cores is not None),
    ):
        if not told:
            yield f"this machine tells no {what}"
    for what in after.since_boot:
        if what in facts.before.since_boot:
            yield f"the firmware has noted {what} since boot, before this run"
