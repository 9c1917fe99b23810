"""The register, reviews, signed results, the log of all that, and what is to be sent.

Specimens from before get their order by id, a thin slide each, and their report as a first result
that is older than the log.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Of tables whose rows are never changed or deleted, the columns that name a row.
_APPEND_ONLY = {
    "audit": ["number"],
    "reviews": ["review_id"],
    "person_tallies": ["tally_id"],
    "results": ["specimen_id", "version"],
}


def upgrade() -> None:
    """To this revision; SQLite adds a column in place, so no table is copied."""
    _add_columns()
    _create_register()
    _create_decisions()
    _create_audit()
    _create_outbox()
    _fill()
    _index_specimens()
    _refuse_changes()


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _key(name: str, parent: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(parent), nullable=nullable)


def _specimen() -> sa.Column[str]:
    return _key("specimen_id", "specimens.specimen_id")


def _add_columns() -> None:
    for name in ("patient_id", "collected_utc", "verdict"):
        op.add_column("specimens", _text(name, nullable=True))
    texts = dict.fromkeys(("operator", "site", "barcode", "protocol", "result_status"), "")
    for name, default in {**texts, "task": "malaria"}.items():
        column = sa.Column(name, sa.Text, nullable=False, server_default=default)
        op.add_column("specimens", column)
    for name, first in {"sequence": "0", "version": "1"}.items():
        number = sa.Column(name, sa.Integer, nullable=False, server_default=first)
        op.add_column("specimens", number)
    op.add_column("specimens", sa.Column("consent", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("fields", sa.Column("image_gone", sa.Text, nullable=False, server_default=""))


def _create_register() -> None:
    op.create_table(
        "patients",
        sa.Column("patient_id", sa.Text, primary_key=True, nullable=False),
        *map(_text, ("age_band", "sex", "site")),
    )
    op.create_table(
        "slides",
        sa.Column("slide_id", sa.Integer, primary_key=True, nullable=False),
        _specimen(),
        *map(_text, ("smear", "barcode")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slides_specimen", "slides", ["specimen_id", "smear"], unique=True)
    op.create_index("ix_slides_barcode", "slides", ["barcode"])
    op.create_table(
        "worklist",
        sa.Column("barcode", sa.Text, primary_key=True, nullable=False),
        _key("patient_id", "patients.patient_id"),
        *map(_text, ("site", "smear")),
        _text("collected_utc", nullable=True),
        _key("specimen_id", "specimens.specimen_id", nullable=True),
    )
    op.create_index("ix_worklist_open", "worklist", ["specimen_id", "barcode"])


def _create_decisions() -> None:
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Integer, primary_key=True, nullable=False),
        _number("cell_id"),
        _specimen(),
        _text("label"),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        *map(_text, ("by", "at_utc", "note")),
        _number("audit_number", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reviews_cell", "reviews", ["cell_id"])
    op.create_index("ix_reviews_specimen", "reviews", ["specimen_id"])
    op.create_table(
        "person_tallies",
        sa.Column("tally_id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("slide_id", sa.Integer, sa.ForeignKey("slides.slide_id"), nullable=False),
        _specimen(),
        *map(_text, ("by", "at_utc")),
        *map(_number, ("parasites", "gametocytes", "wbc_counted", "rbc_counted")),
        _number("wbc_per_ul", nullable=True),
        _number("audit_number", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_person_tallies_specimen", "person_tallies", ["specimen_id"])
    op.create_table(
        "results",
        _specimen(),
        _number("version"),
        *map(_text, ("status", "report", "by", "at_utc", "reason")),
        _number("audit_number", nullable=True),
        sa.PrimaryKeyConstraint("specimen_id", "version"),
    )
    for table in ("reviews", "person_tallies", "results"):
        op.create_index(f"ix_{table}_audit", table, ["audit_number"], unique=True)


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, nullable=False),
        *map(_text, ("at_utc", "by", "action", "subject", "detail", "previous_sha256", "sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "number"])


def _create_outbox() -> None:
    once = ["target", "kind", "specimen_id", "version"]
    op.create_table(
        "outbox",
        sa.Column("item_id", sa.Integer, primary_key=True, nullable=False),
        *map(_text, ("target", "kind", "specimen_id")),
        _number("version"),
        *map(_text, ("payload_file", "payload_sha256", "state")),
        _number("attempts"),
        *map(_text, ("next_try_utc", "last_error")),
        _text("acknowledged_utc", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_once", "outbox", once, unique=True)
    op.create_index("ix_outbox_due", "outbox", ["state", "next_try_utc"])
    op.create_index("ix_outbox_specimen", "outbox", ["specimen_id"])


def _fill() -> None:
    op.execute(
        "UPDATE specimens SET sequence = ranked.number FROM (SELECT specimen_id, "
        "row_number() OVER (ORDER BY specimen_id) AS number FROM specimens) AS ranked "
        "WHERE ranked.specimen_id = specimens.specimen_id"
    )
    op.execute(
        "INSERT INTO slides (specimen_id, smear, barcode) "
        "SELECT specimen_id, 'thin', '' FROM specimens ORDER BY sequence"
    )
    closed = "report IS NOT NULL AND status != 'running'"
    op.execute(
        'INSERT INTO results (specimen_id, version, status, report, "by", at_utc, reason) '
        "SELECT specimen_id, 1, 'preliminary', report, 'device', "
        f"coalesce(finished_utc, started_utc), '' FROM specimens WHERE {closed}"
    )
    op.execute(
        "UPDATE specimens SET verdict = json_extract(report, '$.verdict'), "
        f"result_status = 'preliminary' WHERE {closed}"
    )


def _index_specimens() -> None:
    op.create_index(
        "ix_fields_with_image",
        "fields",
        ["specimen_id", "field_index"],
        sqlite_where=sa.text("image_file IS NOT NULL"),
    )
    searched = ["sequence", "started_utc", "verdict", "result_status", "status", "site", "task"]
    op.create_index("ix_specimens_sequence", "specimens", ["sequence"], unique=True)
    op.create_index("ix_specimens_search", "specimens", searched)
    for name, column in {"barcode": "barcode", "patient": "patient_id", "label": "label"}.items():
        op.create_index(f"ix_specimens_{name}", "specimens", [column, "sequence"])


def _refuse_changes() -> None:
    for table, names in _APPEND_ONLY.items():
        refusal = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for change in ("UPDATE", "DELETE"):
            name = f"{table}_no_{change.lower()}"
            op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} {refusal}")
        # REPLACE deletes the old row without asking the trigger above.
        same = " AND ".join(f"{name} = NEW.{name}" for name in names)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refusal}"
        )
