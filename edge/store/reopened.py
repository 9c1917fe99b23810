"""A specimen that ended before its time goes on: a power cut, a lost camera, an early stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.contract.errors import ConflictError
from edge.store import queries
from edge.store.audit import write_entry
from edge.store.decisions import refuse_signed
from edge.store.records import FAILED, INTERRUPTED, RUNNING, STOPPED, SpecimenRecord
from edge.store.text_rules import check_name

if TYPE_CHECKING:
    from edge.store.store import Store

# A specimen that was read to its end has its answer; more fields until it pleases are not read.
MAY_GO_ON = (INTERRUPTED, FAILED, STOPPED)


def reopen_specimen(store: Store, specimen_id: str, by: str) -> SpecimenRecord:
    """Makes it RUNNING again. Its fields and the results that it had are kept.

    Raises:
        NotFoundError: no such specimen.
        ConflictError: it was read to its end, is being screened, or is signed.
        DataError: no name.
    """
    by = check_name(by, "name of who goes on")
    with store.session(writes=True) as session:
        row = queries.get_specimen(session, specimen_id)
        refuse_signed(row)
        if row.status not in MAY_GO_ON:
            raise ConflictError(f"specimen {specimen_id} cannot go on, as it is {row.status}")
        told = {"was": row.status, "error": row.error}
        row.status, row.error, row.finished_utc = RUNNING, "", None
        # A second power cut counts the fields anew, not those of the first.
        row.report = None
        row.version += 1
        write_entry(session, store.now(), by, "specimen.reopened", specimen_id, told)
        return row.record()
