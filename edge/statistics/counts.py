"""Counts specimens and fields of a span. Signed results alone count as positive or negative."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from edge.agreement import Share, share_of
from edge.statistics.wanted import UNKNOWN, Wanted, conditions
from edge.store.clinic_schema import PatientRow
from edge.store.records import AGE_BANDS, AMENDED, FINAL
from edge.store.schema import FieldRow, SpecimenRow
from edge.store.store import Store

POSITIVE, NEGATIVE, OPEN = "positive", "negative", "open"
_FIGURE = re.compile(r"\d+(?:[,.]\d+)*")
_Key = tuple[date, str, str]


@dataclass(frozen=True)
class Outcomes:
    """Specimens by what a person signed; `open` has no signed answer, or none at all."""

    positive: int = 0
    negative: int = 0
    open: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.positive + self.negative + self.open

    @property
    def share(self) -> Share:
        """Positive ones among those with an answer."""
        return share_of(self.positive, self.positive + self.negative)


@dataclass(frozen=True)
class Week:
    """A week by its Monday, all of it and by age band (in the order of AGE_BANDS)."""

    monday: date
    all: Outcomes
    by_age: dict[str, Outcomes]


@dataclass(frozen=True)
class Refusal:
    """Why fields were refused, as it was said of one of them, and how many were so."""

    reason: str
    count: int


@dataclass(frozen=True)
class Counts:
    """Of a span.

    Attributes:
        weeks: all that the span touches, the empty ones, too.
        by_age: of the whole span.
        fields: of all specimens, read or refused.
        refusals: the most frequent first.
    """

    all: Outcomes
    weeks: tuple[Week, ...]
    by_age: dict[str, Outcomes]
    fields: int
    refusals: tuple[Refusal, ...]

    @property
    def refused(self) -> Share:
        """Of the fields."""
        return share_of(sum(one.count for one in self.refusals), self.fields)


def count(store: Store, wanted: Wanted) -> Counts:
    """What the specimens of a span came to."""
    days = _days(store, wanted)
    fields, reasons = _fields(store, wanted)
    return Counts(
        _outcomes(days.items()),
        tuple(_week(monday, days) for monday in _mondays(wanted)),
        _by_age(days),
        fields,
        _refusals(reasons),
    )


def sites(store: Store) -> list[str]:
    """All that are named, in order."""
    query = select(SpecimenRow.site).where(SpecimenRow.site != "").distinct()
    with store.session() as session:
        return sorted(session.scalars(query))


def cause(reason: str) -> str:
    """What a reason has in common with others of its kind: all but its figures."""
    return _FIGURE.sub("#", reason)


def _joined(query: Select[Any], wanted: Wanted) -> Select[Any]:
    joined = query.outerjoin(PatientRow, PatientRow.patient_id == SpecimenRow.patient_id)
    return joined.where(*conditions(wanted))


def _days(store: Store, wanted: Wanted) -> Counter[_Key]:
    """Specimens by day, age band and outcome."""
    day = func.substr(SpecimenRow.started_utc, 1, 10)
    what = (day, PatientRow.age_band, SpecimenRow.result_status, SpecimenRow.verdict)
    query = _joined(select(*what, func.count()).select_from(SpecimenRow), wanted)
    found: Counter[_Key] = Counter()
    with store.session() as session:
        for started, age, status, verdict, number in session.execute(query.group_by(*what)):
            is_answer = status in (FINAL, AMENDED) and verdict in (POSITIVE, NEGATIVE)
            outcome = verdict if is_answer else OPEN
            found[date.fromisoformat(started), age or UNKNOWN, outcome] += number
    return found


def _fields(store: Store, wanted: Wanted) -> tuple[int, Counter[str]]:
    """How many fields there are, and the reasons of the refused ones."""
    of_span = _joined(select(SpecimenRow.specimen_id).select_from(SpecimenRow), wanted)
    is_of_span = FieldRow.specimen_id.in_(of_span)
    number = select(func.count()).select_from(FieldRow).where(is_of_span)
    refused = select(FieldRow.reason, func.count()).where(is_of_span, FieldRow.usable.is_(False))
    with store.session() as session:
        reasons: Counter[str] = Counter()
        for reason, found in session.execute(refused.group_by(FieldRow.reason)):
            reasons[reason] += found
        return session.scalar(number) or 0, reasons


def _refusals(reasons: Counter[str]) -> tuple[Refusal, ...]:
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for reason, number in reasons.items():
        kinds[cause(reason)][reason] += number
    found = [Refusal(min(kind), kind.total()) for kind in kinds.values()]
    return tuple(sorted(found, key=lambda one: (-one.count, one.reason)))


def _mondays(wanted: Wanted) -> list[date]:
    monday = wanted.first - timedelta(days=wanted.first.weekday())
    count_ = (wanted.last - monday).days // 7 + 1
    return [monday + timedelta(weeks=number) for number in range(count_)]


def _week(monday: date, days: Counter[_Key]) -> Week:
    end = monday + timedelta(days=7)
    own = Counter({key: number for key, number in days.items() if monday <= key[0] < end})
    return Week(monday, _outcomes(own.items()), _by_age(own))


def _by_age(days: Counter[_Key]) -> dict[str, Outcomes]:
    return {age: _outcomes(item for item in days.items() if item[0][1] == age) for age in AGE_BANDS}


def _outcomes(items: Iterable[tuple[_Key, int]]) -> Outcomes:
    found: Counter[str] = Counter()
    for (_, _, outcome), number in items:
        found[outcome] += number
    return Outcomes(found[POSITIVE], found[NEGATIVE], found[OPEN])
