"""Specimens as they are now: the stored record joined with what is at work on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge.store.records import AMENDED, CHEST_XRAY, FINAL, RUNNING, SpecimenRecord
from edge.store.results import Results
from edge.store.search import Search, SpecimenFilter
from web_ui.context import context
from web_ui.presenter import SpecimenView, present, present_unstored

if TYPE_CHECKING:
    from edge.screening.service import ScreeningService
    from edge.screening.state import Progress


def view_specimen(service: ScreeningService, specimen_id: str) -> SpecimenView:
    """The specimen as it is now.

    Raises:
        NotFoundError: no specimen has this id.
    """
    record = service.store.specimen(specimen_id)
    if record.result_status in (FINAL, AMENDED):
        signed = Results(service.store).current(specimen_id)
        return present(replace(record, report=signed.report if signed else None), None)
    if record.status != RUNNING:
        return present(record, None)
    if record.task == CHEST_XRAY:
        return _present_xray(service, record)
    progress = service.state().progress
    if progress is not None and progress.specimen_id == specimen_id and progress.running:
        return present(record, progress)
    # It ended between the two looks, so its record has changed since.
    mine = progress if progress and progress.specimen_id == specimen_id else None
    return present(service.store.specimen(specimen_id), mine)


def _present_xray(service: ScreeningService, record: SpecimenRecord) -> SpecimenView:
    """One that is open in the store: it is being read, or its end found no room on the disk."""
    problem = context().pictures.xrays.settle(record.specimen_id)
    if problem:
        return present_unstored(record, problem)
    return present(service.store.specimen(record.specimen_id), None)


def view_specimens(
    service: ScreeningService,
    limit: int,
    before: str | None = None,
    wanted: SpecimenFilter | None = None,
) -> list[SpecimenView]:
    """The newest specimens, newest first; of those that are wanted."""
    if wanted is None:
        records = service.store.specimens(limit, before)
    else:
        records = Search(service.store).page(wanted, limit, before)
    progress = service.state().progress
    return [_present_one(service, record, progress) for record in records]


def _present_one(
    service: ScreeningService, record: SpecimenRecord, progress: Progress | None
) -> SpecimenView:
    if record.task == CHEST_XRAY and record.status == RUNNING:
        return _present_xray(service, record)
    mine = progress is not None and progress.specimen_id == record.specimen_id
    return present(record, progress if mine else None)
