"""A field that a person takes back while its specimen is screened: kept, said so, not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete

from edge.contract.errors import ConflictError, NotFoundError
from edge.store import queries
from edge.store.audit import write_entry
from edge.store.records import RUNNING, FieldRecord
from edge.store.schema import SuspectCellRow
from edge.store.text_rules import check_name

if TYPE_CHECKING:
    from edge.store.store import Store

TAKEN_BACK = "taken back by {}; it does not count"


def take_back_field(store: Store, specimen_id: str, index: int, by: str) -> FieldRecord:
    """Makes a field one that is refused, with the person's name as the reason.

    Its image stays; the log keeps what was counted in it.

    Raises:
        NotFoundError: no such specimen or field.
        ConflictError: the specimen is not being screened, or the field does not count anyway.
        DataError: no name.
    """
    by = check_name(by, "name of who takes it back")
    with store.session(writes=True) as session:
        specimen = queries.get_specimen(session, specimen_id)
        row = queries.find_field(session, specimen_id, index)
        if row is None:
            raise NotFoundError(f"specimen {specimen_id!r} has no field {index}")
        if specimen.status != RUNNING:
            raise ConflictError(f"specimen {specimen_id} is not being screened; its fields stay")
        if not row.usable:
            raise ConflictError(f"field {index + 1} does not count anyway ({row.reason})")
        told = {
            "field": index,
            "rbc_count": row.rbc_count,
            "positive_count": row.positive_count,
            "image_sha256": row.image_sha256,
        }
        session.execute(
            delete(SuspectCellRow).where(
                SuspectCellRow.specimen_id == specimen_id, SuspectCellRow.field_index == index
            )
        )
        row.usable, row.reason = False, TAKEN_BACK.format(by)
        row.rbc_count = row.positive_count = row.disagreement_count = row.refused_cell_count = 0
        row.cells, row.stage_counts = [], None
        row.quality = row.quality | {"usable": False, "reason": row.reason}
        write_entry(session, store.now(), by, "field.taken_back", specimen_id, told)
        return row.record()
