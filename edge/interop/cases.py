"""A specimen as it leaves the device: with its patient and its newest result, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edge.contract.errors import DataError
from edge.contract.types import SlideReport
from edge.store.records import PRELIMINARY, Patient, Result, SpecimenRecord
from edge.store.register import Register
from edge.store.results import Results
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_PAGE = 50


@dataclass(frozen=True)
class Case:
    """What is told of a specimen. `patient` is None where none was given.

    Attributes:
        result: the version that is told; None of a specimen that is still screened.
        report: that version's counts and verdict.
    """

    specimen: SpecimenRecord
    patient: Patient | None
    result: Result | None
    report: SlideReport | None

    @property
    def is_signed(self) -> bool:
        """A named person answers for it."""
        return self.result is not None and self.result.status != PRELIMINARY

    @property
    def site(self) -> str:
        """Where it was screened; of the patient where the specimen does not say."""
        return self.specimen.site or (self.patient.site if self.patient else "")


def read_case(store: Store, specimen_id: str, version: int | None = None) -> Case:
    """A specimen as it stands, or as a version of its result told it.

    Raises:
        NotFoundError: no such specimen.
        DataError: no such version.
    """
    specimen = store.specimen(specimen_id)
    if version is None:
        return _case(store, specimen, Results(store).current(specimen_id))
    found = [one for one in Results(store).history(specimen_id) if one.version == version]
    if not found:
        raise DataError(f"specimen {specimen_id} has no version {version} of its result")
    return _case(store, specimen, found[0])


def cases_of_month(store: Store, month: str) -> Iterator[Case]:
    """All specimens of which screening began in a month (UTC), newest first, one at a time.

    Raises:
        DataError: the month is none.
    """
    wanted = SpecimenFilter(from_utc=month_start(month), before_utc=month_start(next_month(month)))
    search, before = Search(store), None
    while page := search.page(wanted, _PAGE, before):
        for specimen in page:
            yield _case(store, specimen, Results(store).current(specimen.specimen_id))
        before = page[-1].specimen_id


def month_start(month: str) -> str:
    """Its first day. Raises DataError where the text is no month such as 2026-11."""
    if not _MONTH.fullmatch(month):
        raise DataError(f"month is {month[:20]!r}; write it as 2026-11")
    return f"{month}-01"


def next_month(month: str) -> str:
    """The month after. Raises DataError where the text is no month."""
    month_start(month)
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1}-01" if number == 12 else f"{year}-{number + 1:02d}"


def _case(store: Store, specimen: SpecimenRecord, result: Result | None) -> Case:
    patient = Register(store).patient(specimen.patient_id) if specimen.patient_id else None
    report = SlideReport.from_json(result.report) if result else None
    return Case(specimen, patient, result, report)
