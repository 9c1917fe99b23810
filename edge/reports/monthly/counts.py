"""What a month came to. Signed results alone count as positive or negative."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge.agreement import Agreement, Share, agree, pair_of, share_of
from edge.contract.errors import DataError, NotFoundError
from edge.protocol import Protocol, counts_of_persons, load_thick_protocol
from edge.store.records import (
    AGE_BANDS,
    AMENDED,
    FINAL,
    MALARIA,
    PRELIMINARY,
    SEXES,
    VERDICTS,
    SpecimenRecord,
)
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Tallies
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_PAGE = 200
_KINDS = ("positive", "negative")


@dataclass(frozen=True)
class Group:
    """Specimens of one kind: how many were signed with an answer, and how many are positive."""

    name: str
    positive: Share


@dataclass(frozen=True)
class Day:
    """Specimens started on a day of the month, from 1."""

    day: int
    positive: int
    negative: int
    open: int


@dataclass(frozen=True)
class Month:
    """A month.

    Attributes:
        month: YYYY-MM, in UTC.
        signed: results that a person answers for, by verdict.
        preliminary: specimens that wait for a signature.
        positive: of the signed ones with an answer.
        fields_read, fields_refused: of all specimens.
        agreement: of machine and reader.
    """

    month: str
    specimens: int
    signed: dict[str, int]
    preliminary: int
    positive: Share
    by_age: tuple[Group, ...]
    by_sex: tuple[Group, ...]
    by_site: tuple[Group, ...]
    days: tuple[Day, ...]
    fields_read: int
    fields_refused: int
    agreement: Agreement


def month_bounds(month: str) -> tuple[str, str]:
    """Its first day and the next month's, as dates. Raises DataError."""
    found = _MONTH.fullmatch(month)
    if not found:
        raise DataError(f"month is {month[:40]!r}; write it as 2026-11")
    year, number = int(found[1]), int(found[2])
    after = f"{year + 1}-01" if number == 12 else f"{year}-{number + 1:02}"
    return f"{month}-01", f"{after}-01"


def read_month(store: Store, month: str, protocol: Protocol) -> Month:
    """Counts a month's specimens of malaria.

    Args:
        store: the clinic's records.
        month: YYYY-MM.
        protocol: the device's.

    Raises:
        DataError: this is no month.
    """
    records = list(_specimens(store, month))
    signed = [record for record in records if _is_signed(record)]
    patients = {name: _patient(store, name) for name in {record.patient_id for record in records}}
    thick = load_thick_protocol(protocol.thick, store.home)
    pairs = []
    for record in records:
        reports = _reports(store, record.specimen_id)
        tallies = Tallies(store).of_specimen(record.specimen_id)
        persons = counts_of_persons(tallies, protocol, thick)
        pairs.append(pair_of(record.specimen_id, record.started_utc, reports, persons))
    ages = [patients[record.patient_id][0] for record in signed]
    sexes = [patients[record.patient_id][1] for record in signed]
    sites = [record.site or "not named" for record in signed]
    return Month(
        month,
        len(records),
        {name: sum(record.verdict == name for record in signed) for name in VERDICTS},
        sum(record.result_status == PRELIMINARY for record in records),
        _positive(signed),
        _groups(AGE_BANDS, ages, signed),
        _groups(SEXES, sexes, signed),
        _groups(tuple(sorted(set(sites))), sites, signed),
        _days(month, records),
        sum((record.report or {}).get("fields_read", 0) for record in records),
        sum((record.report or {}).get("fields_refused", 0) for record in records),
        agree(pair for pair in pairs if pair),
    )


def _specimens(store: Store, month: str) -> Iterator[SpecimenRecord]:
    start, end = month_bounds(month)
    wanted = SpecimenFilter(from_utc=start, before_utc=end, task=MALARIA)
    before: str | None = None
    while page := Search(store).page(wanted, _PAGE, before):
        yield from page
        before = page[-1].specimen_id


def _reports(store: Store, specimen_id: str) -> list[dict[str, Any]]:
    return [one.report for one in Results(store).of_machine_and_persons(specimen_id)]


def _patient(store: Store, patient_id: str | None) -> tuple[str, str]:
    """Age band and sex."""
    if patient_id is None:
        return "unknown", "unknown"
    try:
        patient = Register(store).patient(patient_id)
    except NotFoundError:
        return "unknown", "unknown"
    return patient.age_band, patient.sex


def _is_signed(record: SpecimenRecord) -> bool:
    return record.result_status in (FINAL, AMENDED)


def _has_answer(record: SpecimenRecord) -> bool:
    return _is_signed(record) and record.verdict in _KINDS


def _positive(records: list[SpecimenRecord]) -> Share:
    answers = [record.verdict for record in records if _has_answer(record)]
    return share_of(answers.count("positive"), len(answers))


def _groups(
    names: Sequence[str], of: Sequence[str], signed: list[SpecimenRecord]
) -> tuple[Group, ...]:
    """Those of the names that have a signed answer; `of` says which name each record has."""
    groups: dict[str, list[SpecimenRecord]] = {name: [] for name in names}
    for record, name in zip(signed, of, strict=True):
        groups[name].append(record)
    found = [Group(name, _positive(records)) for name, records in groups.items()]
    return tuple(group for group in found if group.positive.of)


def _days(month: str, records: list[SpecimenRecord]) -> tuple[Day, ...]:
    counts = {day: [0, 0, 0] for day in range(1, _length(month) + 1)}
    for record in records:
        kind = _KINDS.index(record.verdict or "") if _has_answer(record) else len(_KINDS)
        counts[int(record.started_utc[8:10])][kind] += 1
    return tuple(Day(day, *found) for day, found in counts.items())


def _length(month: str) -> int:
    return calendar.monthrange(int(month[:4]), int(month[5:]))[1]
