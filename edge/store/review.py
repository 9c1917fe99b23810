"""What people say: of the machine's suspect cells, and what they counted themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from edge.contract.errors import DataError, NotFoundError
from edge.contract.labels import CELL_LABELS, READER_LABELS
from edge.store import queries
from edge.store.clinic_schema import PersonTallyRow, ReviewRow, SlideRow
from edge.store.decisions import log_decision, refuse_signed
from edge.store.records import MALARIA, PersonTally, Review
from edge.store.specimens import claim
from edge.store.text_rules import check_choice, check_name, check_note

if TYPE_CHECKING:
    from edge.store.store import Store

MAX_COUNT = 10_000_000
# White cells per microlitre; beyond them a number is a slip of the pen.
LEAST_WBC_PER_UL, MOST_WBC_PER_UL = 100, 1_000_000


class Reviews:
    """Confirmations and corrections of suspect cells; nothing is ever taken back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def review_cell(
        self, cell_id: int, label: str, by: str, *, note: str = "", seen_version: int | None = None
    ) -> Review:
        """Stores what a person says of a cell; it counts from then on.

        Args:
            cell_id: of a suspect cell.
            label: of `edge.contract.labels`, for a cell or an X-ray; the machine's own confirms it.
            by: the person's name.
            note: why, if it needs saying.
            seen_version: the specimen's version on the page; None asks for no check.

        Raises:
            NotFoundError: no such cell.
            ConflictError: the specimen was changed since, or its result is signed.
            DataError: no such label, no name, or text that is not allowed.
        """
        by, note = check_name(by, "name of the reviewer"), check_note(note)
        with self._store.session(writes=True) as session:
            cell = queries.get_suspect(session, cell_id)
            specimen = queries.get_specimen(session, cell.specimen_id)
            refuse_signed(specimen)
            claim(specimen, seen_version)
            labels = CELL_LABELS if specimen.task == MALARIA else READER_LABELS
            check_choice(label, labels, "label")
            row = ReviewRow(
                cell_id=cell_id,
                specimen_id=cell.specimen_id,
                label=label,
                confirmed=label == cell.label,
                by=by,
                at_utc=self._store.now(),
                note=note,
            )
            row.audit_number = log_decision(session, row, "review.added")
            session.add(row)
            session.flush()
            return row.record()

    def of_specimen(self, specimen_id: str) -> list[Review]:
        """The newest review of each reviewed cell, by cell. Raises NotFoundError."""
        newest = (
            select(func.max(ReviewRow.review_id))
            .where(ReviewRow.specimen_id == specimen_id)
            .group_by(ReviewRow.cell_id)
        )
        query = select(ReviewRow).where(ReviewRow.review_id.in_(newest))
        with self._store.session() as session:
            queries.get_specimen(session, specimen_id)
            return [row.record() for row in session.scalars(query.order_by(ReviewRow.cell_id))]

    def history(self, cell_id: int) -> list[Review]:
        """All reviews of a cell, oldest first."""
        query = select(ReviewRow).where(ReviewRow.cell_id == queries.bounded(cell_id))
        with self._store.session() as session:
            return [row.record() for row in session.scalars(query.order_by(ReviewRow.review_id))]


class Tallies:
    """Counts that people made at the microscope, kept beside the machine's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        slide_id: int,
        by: str,
        *,
        parasites: int,
        gametocytes: int = 0,
        wbc_counted: int = 0,
        rbc_counted: int = 0,
        wbc_per_ul: int | None = None,
        seen_version: int | None = None,
    ) -> PersonTally:
        """Stores one reading; an earlier one stays.

        Args:
            slide_id: from `Register.slides_of`.
            by: who counted.
            parasites: asexual ones.
            gametocytes: told apart, as they do not count toward density.
            wbc_counted: white cells counted against (thick smear), or 0.
            rbc_counted: red cells counted against (thin smear), or 0.
            wbc_per_ul: the patient's, where it was measured.
            seen_version: the specimen's version on the page; None asks for no check.

        Raises:
            NotFoundError: no such slide.
            ConflictError: the specimen was changed since, or its result is signed.
            DataError: a count is out of range, or nothing was counted against.
        """
        counts = {
            "parasites": parasites,
            "gametocytes": gametocytes,
            "wbc_counted": wbc_counted,
            "rbc_counted": rbc_counted,
        }
        _check_counts(counts, wbc_per_ul)
        by = check_name(by, "name of the reader")
        with self._store.session(writes=True) as session:
            slide = session.get(SlideRow, queries.bounded(slide_id))
            if slide is None:
                raise NotFoundError(f"no slide {slide_id}; its specimen shows which there are")
            specimen = queries.get_specimen(session, slide.specimen_id)
            refuse_signed(specimen)
            claim(specimen, seen_version)
            row = PersonTallyRow(
                slide_id=slide_id,
                specimen_id=slide.specimen_id,
                by=by,
                at_utc=self._store.now(),
                wbc_per_ul=wbc_per_ul,
                **counts,
            )
            row.audit_number = log_decision(session, row, "tally.added")
            session.add(row)
            session.flush()
            return row.record()

    def of_specimen(self, specimen_id: str) -> list[PersonTally]:
        """All readings of a specimen, oldest first. Raises NotFoundError."""
        query = select(PersonTallyRow).where(PersonTallyRow.specimen_id == specimen_id)
        with self._store.session() as session:
            queries.get_specimen(session, specimen_id)
            found = session.scalars(query.order_by(PersonTallyRow.tally_id))
            return [row.record() for row in found]


def _check_counts(counts: dict[str, int], wbc_per_ul: int | None) -> None:
    for name, count in counts.items():
        if not 0 <= count <= MAX_COUNT:
            raise DataError(f"{name} is {count}; a count is 0 to {MAX_COUNT:,}")
    if not counts["wbc_counted"] and not counts["rbc_counted"]:
        raise DataError("neither white nor red cells were counted; give one of both counts")
    if wbc_per_ul is not None and not LEAST_WBC_PER_UL <= wbc_per_ul <= MOST_WBC_PER_UL:
        raise DataError(
            f"wbc_per_ul is {wbc_per_ul}; a measured count is {LEAST_WBC_PER_UL} to "
            f"{MOST_WBC_PER_UL:,} white cells a microlitre"
        )
