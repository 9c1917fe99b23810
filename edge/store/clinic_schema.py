"""The tables of the register, of what people decided, of the log, and of what is to be sent.

A change here needs a migration. The rows of `APPEND_ONLY` are never changed or deleted: SQLite
itself refuses, by triggers.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from edge.store.columns import Base
from edge.store.records import (
    AuditEntry,
    OutboxItem,
    Patient,
    PersonTally,
    Result,
    Review,
    Slide,
    WorklistItem,
)

APPEND_ONLY = ("audit", "reviews", "person_tallies", "results")
# Ids of these are never given again, and a row that is cut off the end is missed.
_COUNTED = {"sqlite_autoincrement": True}


def canonical_json(value: Any) -> bytes:
    """The one way to write a value that is hashed: sorted, compact, ASCII; no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(value: Any) -> str:
    """sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


class PatientRow(Base):
    """See `Patient`."""

    __tablename__ = "patients"

    patient_id: Mapped[str] = mapped_column(primary_key=True)
    age_band: Mapped[str]
    sex: Mapped[str]
    site: Mapped[str]

    def record(self) -> Patient:
        """As a value."""
        return Patient(**self.values())


class SlideRow(Base):
    """See `Slide`."""

    __tablename__ = "slides"
    __table_args__ = (
        Index("ix_slides_specimen", "specimen_id", "smear", unique=True),
        Index("ix_slides_barcode", "barcode"),
        _COUNTED,
    )

    slide_id: Mapped[int] = mapped_column(primary_key=True)
    specimen_id: Mapped[str] = mapped_column(ForeignKey("specimens.specimen_id"))
    smear: Mapped[str]
    barcode: Mapped[str]

    def record(self) -> Slide:
        """As a value."""
        return Slide(**self.values())


class WorklistRow(Base):
    """See `WorklistItem`."""

    __tablename__ = "worklist"
    __table_args__ = (Index("ix_worklist_open", "specimen_id", "barcode"),)

    barcode: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.patient_id"))
    site: Mapped[str]
    smear: Mapped[str]
    collected_utc: Mapped[str | None]
    specimen_id: Mapped[str | None] = mapped_column(ForeignKey("specimens.specimen_id"))

    def record(self) -> WorklistItem:
        """As a value."""
        return WorklistItem(**self.values())


class DecisionRow(Base):
    """A row that names its line in the log; none where it is older than the log."""

    __abstract__ = True

    specimen_id: Mapped[str] = mapped_column(ForeignKey("specimens.specimen_id"))
    by: Mapped[str]
    at_utc: Mapped[str]
    audit_number: Mapped[int | None]

    def plain(self) -> dict[str, Any]:
        """What the log keeps of it, and what it is held against."""
        found = self.values()
        for name in ("audit_number", "review_id", "tally_id"):
            found.pop(name, None)
        if "report" in found:
            found["report_sha256"] = digest(found.pop("report"))
        return found

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in self.values().items() if name != "audit_number"}


class ReviewRow(DecisionRow):
    """See `Review`. Bound to no suspect cell, which is gone when its field is screened again."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_cell", "cell_id"),
        Index("ix_reviews_specimen", "specimen_id"),
        Index("ix_reviews_audit", "audit_number", unique=True),
        _COUNTED,
    )

    review_id: Mapped[int] = mapped_column(primary_key=True)
    cell_id: Mapped[int]
    label: Mapped[str]
    confirmed: Mapped[bool]
    note: Mapped[str]

    def record(self) -> Review:
        """As a value."""
        return Review(**self._given())


class PersonTallyRow(DecisionRow):
    """See `PersonTally`."""

    __tablename__ = "person_tallies"
    __table_args__ = (
        Index("ix_person_tallies_specimen", "specimen_id"),
        Index("ix_person_tallies_audit", "audit_number", unique=True),
        _COUNTED,
    )

    tally_id: Mapped[int] = mapped_column(primary_key=True)
    slide_id: Mapped[int] = mapped_column(ForeignKey("slides.slide_id"))
    parasites: Mapped[int]
    gametocytes: Mapped[int]
    wbc_counted: Mapped[int]
    rbc_counted: Mapped[int]
    wbc_per_ul: Mapped[int | None]

    def record(self) -> PersonTally:
        """As a value."""
        return PersonTally(**self._given())


class ResultRow(DecisionRow):
    """See `Result`."""

    __tablename__ = "results"
    __table_args__ = (Index("ix_results_audit", "audit_number", unique=True),)

    specimen_id: Mapped[str] = mapped_column(ForeignKey("specimens.specimen_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str]
    report: Mapped[dict[str, Any]]
    reason: Mapped[str]

    def record(self) -> Result:
        """As a value."""
        return Result(**self._given())


class AuditRow(Base):
    """See `AuditEntry`."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject", "number"), _COUNTED)

    number: Mapped[int] = mapped_column(primary_key=True)
    at_utc: Mapped[str]
    by: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous_sha256: Mapped[str]
    sha256: Mapped[str]

    def record(self) -> AuditEntry:
        """As a value."""
        return AuditEntry(**self.values())


class OutboxRow(Base):
    """See `OutboxItem`."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_once", "target", "kind", "specimen_id", "version", unique=True),
        Index("ix_outbox_due", "state", "next_try_utc"),
        Index("ix_outbox_specimen", "specimen_id"),
        _COUNTED,
    )

    item_id: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str]
    kind: Mapped[str]
    specimen_id: Mapped[str]
    version: Mapped[int]
    payload_file: Mapped[str]
    payload_sha256: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    next_try_utc: Mapped[str]
    last_error: Mapped[str]
    acknowledged_utc: Mapped[str | None]

    def record(self) -> OutboxItem:
        """As a value."""
        return OutboxItem(**self.values())
