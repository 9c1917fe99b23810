"""Of which specimens figures are wanted: a span of days, and what narrows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement

from edge.contract.errors import DataError
from edge.store.clinic_schema import PatientRow
from edge.store.records import AGE_BANDS, MALARIA, SEXES, TASKS
from edge.store.schema import SpecimenRow
from edge.store.text_rules import check_choice

WEEKS = 12
LONGEST_DAYS = 2 * 366
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Wanted:
    """A span of days in UTC, both its ends among it. Empty texts ask for all.

    Raises:
        DataError: the days are in the wrong order or too many, or a value is none of its list.
    """

    first: date
    last: date
    task: str = MALARIA
    site: str = ""
    age_band: str = ""
    sex: str = ""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise DataError(f"the days end at {self.last}, before they begin at {self.first}")
        if (self.last - self.first).days > LONGEST_DAYS:
            raise DataError(
                f"from {self.first} to {self.last} is too long; choose two years at most"
            )
        check_choice(self.task, TASKS, "task")
        check_choice(self.age_band, ("", *AGE_BANDS), "age_band")
        check_choice(self.sex, ("", *SEXES), "sex")


def latest(today: date, weeks: int = WEEKS) -> tuple[date, date]:
    """The whole weeks, from Monday on, that end with this one; up to today."""
    monday = today - timedelta(days=today.weekday())
    return monday - timedelta(weeks=weeks - 1), today


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Of rows of specimens that are joined with their patients."""
    found = [
        SpecimenRow.started_utc >= wanted.first.isoformat(),
        SpecimenRow.started_utc < (wanted.last + timedelta(days=1)).isoformat(),
        SpecimenRow.task == wanted.task,
    ]
    if wanted.site:
        found.append(SpecimenRow.site == wanted.site)
    for column, value in ((PatientRow.age_band, wanted.age_band), (PatientRow.sex, wanted.sex)):
        if value == UNKNOWN:
            found.append(column.is_(None) | (column == value))
        elif value:
            found.append(column == value)
    return found
