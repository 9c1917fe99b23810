"""What is wrong with what is stored, in words; none of it is changed here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import StoreError
from edge.store import field_images, queries
from edge.store.audit import Audit
from edge.store.schema import FieldRow, SpecimenRow

if TYPE_CHECKING:
    from edge.store.store import Store

# Of so many newest specimens the cells are read; of all 100,000 it would take half an hour.
SPECIMENS_READ = 1000
# No clock that is right says less: this schema is younger.
EARLIEST_UTC = "2026-01-01T00:00:00+00:00"


def integrity_problems(store: Store, *, deep: bool = False) -> list[str]:
    """See `Store.check_integrity`."""
    problems: list[str] = []
    try:
        with store.session() as session:
            problems += queries.database_problems(session.connection())
            found = (
                image.problem(store.home, deep=deep)
                for image in field_images.stored_images(session)
            )
            problems += filter(None, found)
            problems += _damaged_cells(session, None if deep else SPECIMENS_READ)
    except StoreError as error:
        problems.append(str(error))
    return problems


def _damaged_cells(session: Session, specimens: int | None) -> Iterator[str]:
    newest = select(SpecimenRow.specimen_id).order_by(SpecimenRow.sequence.desc()).limit(specimens)
    for specimen_id in session.scalars(newest).all():
        query = select(FieldRow.cells).where(FieldRow.specimen_id == specimen_id)
        try:
            session.scalars(query).all()
        except StoreError as error:
            yield f"specimen {specimen_id}: {error}"


def clock_problem(store: Store) -> str:
    """Why the device's clock cannot be right; empty where it can."""
    now = store.now()
    if datetime.fromisoformat(now) < datetime.fromisoformat(EARLIEST_UTC):
        return f"the clock says {now}, which is before this program was made"
    newest = Audit(store).head()
    if newest and datetime.fromisoformat(now) < datetime.fromisoformat(newest.at_utc):
        return f"the clock says {now}, and the newest record was made at {newest.at_utc}"
    return ""
