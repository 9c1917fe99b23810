"""Import of a worklist: a CSV of the slides that are expected, one a line.

Columns `barcode` and `patient_id` are needed; `age_band`, `sex`, `site`, `smear` and `collected`
may be there. Other columns are passed over, so a name that stands in one never reaches the records.
A line that cannot be taken is reported by its number, and the others are imported.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from edge.contract.errors import DataError
from edge.store.audit import write_entry
from edge.store.clinic_schema import PatientRow, WorklistRow, digest
from edge.store.patients import check_patient, told_patient
from edge.store.records import DEVICE, SMEARS, THIN, Patient, WorklistItem
from edge.store.text_rules import check_choice, check_id, check_moment

if TYPE_CHECKING:
    from edge.store.store import Store

NEEDED = ("barcode", "patient_id")
COLUMNS = (*NEEDED, "age_band", "sex", "site", "smear", "collected")
MAX_LINE = 16_384
# Lines in one transaction: others write between two of them.
BATCH = 500
TOLD_AT_MOST = 1000
_SEXES = {"f": "female", "m": "male", "o": "other", "": "unknown"}


@dataclass(frozen=True)
class BadLine:
    """A line that was not imported. `line` counts from 1, the header included."""

    line: int
    why: str


@dataclass
class WorklistReport:
    """What an import did.

    Attributes:
        added: new items of the worklist.
        unchanged: items that were there already.
        refused: lines that were not imported.
        bad_lines: the first 1,000 of those.
        ignored_columns: what the file has beside the known ones.
    """

    added: int = 0
    unchanged: int = 0
    refused: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()

    def refuse(self, line: int, why: str) -> None:
        """Counts a line that was not imported."""
        self.refused += 1
        if len(self.bad_lines) < TOLD_AT_MOST:
            self.bad_lines.append(BadLine(line, why))


@dataclass(frozen=True)
class _Line:
    number: int
    patient: Patient
    item: WorklistItem


def import_worklist(store: Store, path: Path, by: str = DEVICE) -> WorklistReport:
    """Imports a file of any length in bounded memory; the same file again changes nothing.

    Raises:
        DataError: the file cannot be read, or its header lacks a needed column.
    """
    report = WorklistReport()
    try:
        # What is no UTF-8 becomes a character that every rule refuses, in its own line.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = _read_lines(file, path, report)
            while batch := list(islice(lines, BATCH)):
                with store.session(writes=True) as session:
                    _add_batch(session, store.now(), batch, report, by, path.name)
    except OSError as error:
        raise DataError(f"worklist {path} cannot be read ({error.strerror})") from error
    return report


def _read_lines(file: TextIO, path: Path, report: WorklistReport) -> Iterator[_Line]:
    header = file.readline(MAX_LINE)
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in _split(header, delimiter)]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise DataError(
            f"worklist {path} lacks the columns {', '.join(missing)}; its first line is "
            f"{header[:200]!r}: save the sheet as CSV in UTF-8 with a header"
        )
    report.ignored_columns = tuple(name for name in names if name not in COLUMNS)
    for number, text in enumerate(_bounded_lines(file), start=2):
        if not text.strip():
            continue
        try:
            yield _read_line(number, text, delimiter, names)
        except DataError as error:
            report.refuse(number, str(error))


def _bounded_lines(file: TextIO) -> Iterator[str]:
    """Lines, an endless one cut: it is then too long for `_split`."""
    while line := file.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith("\n"):
            rest = file.readline(MAX_LINE + 1)
        yield line


def _split(line: str, delimiter: str) -> list[str]:
    # A line by itself: a quotation mark that is never closed does not swallow the lines after it.
    if len(line) > MAX_LINE:
        raise DataError(f"the line has more than {MAX_LINE:,} characters")
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{line[:80]!r} is no line of CSV ({error})") from error


def _read_line(number: int, text: str, delimiter: str, names: Sequence[str]) -> _Line:
    cells = _split(text, delimiter)
    if len(cells) != len(names):
        raise DataError(f"{len(cells)} cells under {len(names)} columns: {text.strip()[:80]!r}")
    found = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    sex = found.get("sex", "").lower()
    patient = Patient(
        found["patient_id"],
        found.get("age_band", "") or "unknown",
        _SEXES.get(sex, sex),
        found.get("site", ""),
    )
    collected = found.get("collected", "")
    item = WorklistItem(
        barcode=check_id(found["barcode"], "barcode"),
        patient_id=patient.patient_id,
        site=patient.site,
        smear=check_choice(found.get("smear", "").lower() or THIN, SMEARS, "smear"),
        collected_utc=check_moment(collected, "collected") if collected else None,
        specimen_id=None,
    )
    return _Line(number, check_patient(patient), item)


def _add_batch(
    session: Session, now: str, batch: list[_Line], report: WorklistReport, by: str, name: str
) -> None:
    patients = _patients(session, [line.patient.patient_id for line in batch])
    items = _items(session, [line.item.barcode for line in batch])
    newcomers: list[Patient] = []
    added: list[_Line] = []
    for line in batch:
        problem = _conflict(line, patients, items)
        if problem:
            report.refuse(line.number, problem)
        elif line.item.barcode in items:
            report.unchanged += 1
        else:
            if line.patient.patient_id not in patients:
                patients[line.patient.patient_id] = line.patient
                newcomers.append(line.patient)
            items[line.item.barcode] = line.item
            added.append(line)
    if newcomers:
        session.execute(insert(PatientRow), [vars(patient) for patient in newcomers])
    if added:
        session.execute(insert(WorklistRow), [vars(line.item) for line in added])
    report.added += len(added)
    if added:
        told = {
            "added": len(added),
            "lines": [added[0].number, added[-1].number],
            "sha256": digest([[vars(line.patient), vars(line.item)] for line in added]),
        }
        write_entry(session, now, by, "worklist.imported", name, told)


def _patients(session: Session, ids: list[str]) -> dict[str, Patient]:
    rows = session.scalars(select(PatientRow).where(PatientRow.patient_id.in_(ids)))
    return {row.patient_id: row.record() for row in rows}


def _items(session: Session, barcodes: list[str]) -> dict[str, WorklistItem]:
    rows = session.scalars(select(WorklistRow).where(WorklistRow.barcode.in_(barcodes)))
    return {row.barcode: row.record() for row in rows}


def _conflict(line: _Line, patients: dict[str, Patient], items: dict[str, WorklistItem]) -> str:
    """Why a line contradicts what is there; empty where it does not."""
    patient = patients.get(line.patient.patient_id)
    if patient is not None and patient != line.patient:
        return (
            f"patient {line.patient.patient_id} is in the register with other values: "
            f"{told_patient(patient)}, here {told_patient(line.patient)}"
        )
    item = items.get(line.item.barcode)
    if item is None or replace(item, specimen_id=None) == line.item:
        return ""
    return (
        f"barcode {item.barcode} is on the worklist already for patient {item.patient_id}, "
        f"{item.smear}, collected {item.collected_utc}"
    )
