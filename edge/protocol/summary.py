"""The machine's report of a specimen: counts, parasitaemia and density with intervals, verdict."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.labels import GAMETOCYTE
from edge.contract.manifest import OperatingPoint
from edge.contract.types import RanOn, SlideReport
from edge.protocol.definition import Protocol
from edge.protocol.interval import Interval, corrected_interval
from edge.protocol.progress import progress, wanted_count
from edge.protocol.verdict import decide
from edge.tally import Tally

NO_SPECIES = "The species is not claimed: it was not learned."


@dataclass(frozen=True)
class Density:
    """Asexual parasites per µL with the 95 % interval; all None where nothing was counted."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None


def density_of(interval: Interval | None, rbc_per_ul: int) -> Density:
    """Parasitaemia times the red cells per µL that are assumed."""
    if interval is None:
        return Density()
    return Density(
        interval.estimate * rbc_per_ul, interval.low * rbc_per_ul, interval.high * rbc_per_ul
    )


def assumptions_of(protocol: Protocol, *, stages_told: bool) -> tuple[str, ...]:
    """What the figures rest on, in sentences."""
    counted = "Asexual stages alone count toward density; gametocytes are reported apart."
    if not stages_told:
        counted = (
            "Stages were not told apart: all infected cells count toward density, gametocytes "
            "among them."
        )
    return (
        f"Density is parasitaemia times {protocol.rbc_per_ul:,} red cells per µL, which is assumed "
        "and not measured.",
        counted,
        NO_SPECIES,
    )


def summarise(
    tally: Tally, protocol: Protocol, operating_point: OperatingPoint, ran_on: RanOn
) -> SlideReport:
    """The report of a specimen, finished or not."""
    rates = operating_point.sensitivity_cell, operating_point.specificity_cell
    stages_told = bool(ran_on.stages_bundle_id)
    gametocytes = tally.stage_counts[GAMETOCYTE] if stages_told else 0
    interval = asexual = None
    wanted = 0
    if tally.rbc_count:
        interval = corrected_interval(tally.positive_count, tally.rbc_count, *rates)
        asexual = corrected_interval(tally.positive_count - gametocytes, tally.rbc_count, *rates)
        wanted = wanted_count(interval, *rates)
    verdict, why = decide(tally, interval, protocol)
    still = progress(tally.rbc_count, tally.fields_read, interval, protocol, wanted)
    density = density_of(asexual, protocol.rbc_per_ul)
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
        minimum_rbc_count=still.minimum_rbc_count,
        protocol=protocol.name,
        ran_on=ran_on,
        disagreement_count=tally.disagreement_count,
        refused_cell_count=tally.refused_cell_count,
        gametocyte_count=gametocytes if stages_told else None,
        stage_counts=tally.stage_counts if stages_told else {},
        protocol_version=protocol.version,
        minimum_usable_fields=protocol.minimum_usable_fields,
        more_fields=still.more_fields,
        more_fields_why=still.why,
        mistaken_fraction=interval.mistaken_fraction if interval else None,
        density_per_ul=density.estimate,
        density_low_per_ul=density.low,
        density_high_per_ul=density.high,
        rbc_per_ul=protocol.rbc_per_ul,
        assumptions=assumptions_of(protocol, stages_told=stages_told),
        uncounted_suspect_count=tally.uncounted_suspects,
        sensitivity_cell=rates[0].rate,
        sensitivity_n_effective=rates[0].n_effective,
        specificity_cell=rates[1].rate,
        specificity_n_effective=rates[1].n_effective,
    )
