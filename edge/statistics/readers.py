"""How machine and reader agree over a span, month by month; read in few questions, not one each."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import func, select

from edge.agreement import Agreement, Pair, agree, agree_by_month, pair_of
from edge.protocol import Protocol, counts_of_persons, load_thick_protocol
from edge.statistics.wanted import Wanted, conditions
from edge.store.clinic_schema import PatientRow, PersonTallyRow, ResultRow
from edge.store.records import PRELIMINARY, PersonTally
from edge.store.schema import SpecimenRow
from edge.store.store import Store

_Reports = dict[str, tuple[str, list[dict[str, Any]]]]


def agreement_of(
    store: Store, wanted: Wanted, protocol: Protocol
) -> tuple[Agreement, dict[str, Agreement]]:
    """Of the span, and of each of its months that a person read in.

    Args:
        store: the clinic's records.
        wanted: of which specimens.
        protocol: the device's, by which persons' counts are judged.
    """
    pairs = _pairs(store, wanted, protocol)
    return agree(pairs), agree_by_month(pairs)


def _pairs(store: Store, wanted: Wanted, protocol: Protocol) -> list[Pair]:
    reports, tallies = _reports(store, wanted), _tallies(store, wanted)
    thick = load_thick_protocol(protocol.thick, store.home)
    pairs = (
        pair_of(
            specimen_id,
            started,
            found,
            counts_of_persons(tallies[specimen_id], protocol, thick),
        )
        for specimen_id, (started, found) in reports.items()
    )
    return [pair for pair in pairs if pair]


def _reports(store: Store, wanted: Wanted) -> _Reports:
    """Of each specimen when it began and what its results say: the machine's first, then those
    that a person signed."""
    query = (
        select(
            ResultRow.specimen_id,
            SpecimenRow.started_utc,
            func.json_extract(ResultRow.report, "$.verdict"),
            func.json_extract(ResultRow.report, "$.density_per_ul"),
        )
        .join(SpecimenRow, SpecimenRow.specimen_id == ResultRow.specimen_id)
        .outerjoin(PatientRow, PatientRow.patient_id == SpecimenRow.patient_id)
        .where(*conditions(wanted), (ResultRow.version == 1) | (ResultRow.status != PRELIMINARY))
        .order_by(SpecimenRow.sequence, ResultRow.version)
    )
    found: _Reports = {}
    with store.session() as session:
        for specimen_id, started, verdict, density in session.execute(query):
            _, told = found.setdefault(specimen_id, (started, []))
            told.append({"verdict": verdict, "density_per_ul": density})
    return found


def _tallies(store: Store, wanted: Wanted) -> dict[str, list[PersonTally]]:
    query = (
        select(PersonTallyRow)
        .join(SpecimenRow, SpecimenRow.specimen_id == PersonTallyRow.specimen_id)
        .outerjoin(PatientRow, PatientRow.patient_id == SpecimenRow.patient_id)
        .where(*conditions(wanted))
        .order_by(PersonTallyRow.tally_id)
    )
    found: defaultdict[str, list[PersonTally]] = defaultdict(list)
    with store.session() as session:
        for row in session.scalars(query):
            found[row.specimen_id].append(row.record())
    return found
