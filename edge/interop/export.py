"""Writes a month or a specimen to a folder or a USB stick: whole or not at all, in one stream.

What is written is read from the records one specimen at a time, so a month needs no more memory
than a day. With a recipient only they can open it, and no plain text reaches the folder.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edge.contract.errors import ConfigError, NotFoundError
from edge.interop import dhis2_counts, dicom, fhir, tables
from edge.interop.age import SUFFIX, check_recipients, write_encrypted
from edge.interop.cases import Case, cases_of_month, month_start, next_month, read_case
from edge.interop.dhis2_tracker import tracker_payload
from edge.interop.settings import InteropSettings
from edge.store.audit import Audit
from edge.store.files import TEMP_SUFFIX, disk_errors, sync_folder
from edge.store.records import DEVICE
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store

CSV, FHIR, DHIS2, DICOM = "csv", "fhir", "dhis2", "dicom"
FORMATS = (CSV, FHIR, DHIS2, DICOM)
# Is told how many specimens are written.
Told = Callable[[int], object]


@dataclass(frozen=True)
class Wanted:
    """What to write: a month ("2026-11") or one specimen."""

    format: str
    month: str = ""
    specimen_id: str = ""

    def __post_init__(self) -> None:
        if bool(self.month) == bool(self.specimen_id):
            raise ConfigError("name either a month or a specimen")
        if self.format not in FORMATS:
            raise ConfigError(f"no format {self.format!r}; use one of {', '.join(FORMATS)}")
        if self.month:
            month_start(self.month)

    @property
    def file(self) -> str:
        """Its name."""
        one = {CSV: ".csv", FHIR: ".json", DHIS2: ".json", DICOM: ".zip"}
        ends = one | {FHIR: ".ndjson"} if self.month else one
        return f"clinicscope-{self.format}-{self.month or self.specimen_id}{ends[self.format]}"


@dataclass(frozen=True)
class Exported:
    """A written file; `sha256` is of what lies there, encrypted or not."""

    path: Path
    size_bytes: int
    sha256: str
    encrypted: bool


def export(
    store: Store,
    settings: InteropSettings,
    wanted: Wanted,
    folder: Path,
    recipients: Iterable[str] = (),
    by: str = DEVICE,
    told: Told = lambda _: None,
) -> Exported:
    """Writes what is wanted and a line in the log.

    Args:
        store: the clinic's records.
        settings: how the site names itself.
        wanted: what to write.
        folder: where to; it must be there.
        recipients: public keys of age, each of which opens it; plain text without any.
        by: who exports, for the log.
        told: is called after each specimen.

    Raises:
        NotFoundError: no such specimen, or a folder that is not there (a stick that is not in).
        ConfigError: a recipient is no public key of age.
        DataError: no month.
        StorageFullError: no room; nothing is left behind.
    """
    keys = check_recipients(recipients)
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is no folder; make it, or put the stick in and try again")
    if wanted.specimen_id:
        store.specimen(wanted.specimen_id)
    path = folder / (wanted.file + (SUFFIX if keys else ""))
    chunks = _chunks(store, settings, wanted, told)
    with _whole(path) as out:
        if keys:
            write_encrypted(chunks, out, keys)
        else:
            for chunk in chunks:
                out.write(chunk)
    found = Exported(path, path.stat().st_size, _sha256(path), bool(keys))
    line: dict[str, Any] = {"format": wanted.format, "file": path.name, "sha256": found.sha256}
    subject = wanted.specimen_id or wanted.month
    Audit(store).write(by, "export.written", subject, line | {"encrypted": found.encrypted})
    return found


def count_cases(store: Store, wanted: Wanted) -> int:
    """Of how many specimens `export` will tell."""
    if wanted.specimen_id:
        return 1
    start, end = month_start(wanted.month), month_start(next_month(wanted.month))
    return Search(store).count(SpecimenFilter(from_utc=start, before_utc=end))


def _chunks(store: Store, settings: InteropSettings, wanted: Wanted, told: Told) -> Iterator[bytes]:
    cases = _counted(_cases(store, wanted), told)
    if wanted.format == CSV:
        yield from tables.csv_lines(cases)
    elif wanted.format == FHIR and wanted.month:
        yield from fhir.ndjson_lines(cases, settings)
    elif wanted.format == FHIR:
        yield from (fhir.bundle_bytes(fhir.result_bundle(case, settings)) for case in cases)
    elif wanted.format == DICOM and wanted.month:
        yield from _zipped(store, cases, settings)
    elif wanted.format == DICOM:
        yield from (dicom.captures_zip(store, case, settings) for case in cases)
    elif wanted.month:
        counts = dhis2_counts.count_month(store, wanted.month)
        content = dhis2_counts.data_value_set(wanted.month, counts, settings.dhis2)
        yield dhis2_counts.value_set_bytes(content)
    else:
        yield from (dhis2_counts.value_set_bytes(tracker_payload(case, settings)) for case in cases)


def _cases(store: Store, wanted: Wanted) -> Iterator[Case]:
    if wanted.month:
        yield from cases_of_month(store, wanted.month)
    else:
        yield read_case(store, wanted.specimen_id)


def _counted(cases: Iterable[Case], told: Told) -> Iterator[Case]:
    for number, case in enumerate(cases, 1):
        yield case
        told(number)


class _Passing:
    """A file for `zipfile` that keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written can still be taken."""

    def take(self) -> bytes:
        """What came since the last time."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def _zipped(store: Store, cases: Iterable[Case], settings: InteropSettings) -> Iterator[bytes]:
    """A zip of DICOM files, as a PACS imports it; specimens without a picture are left out."""
    passing = _Passing()
    with zipfile.ZipFile(passing, "w", zipfile.ZIP_STORED) as archive:
        for case in cases:
            if case.result is None:
                continue
            with suppress(NotFoundError):
                dicom.add_captures(archive, store, case, settings)
            yield passing.take()
    yield passing.take()


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that is complete and on the disk once this ends, or not there at all."""
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
    with disk_errors(path, 0):
        try:
            with temp.open("xb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            temp.replace(path)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise
        sync_folder(path.parent)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
