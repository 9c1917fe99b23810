from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from clinic_samples import make_store, screen

from edge.contract.errors import DataError, NotFoundError
from edge.store.audit import Audit
from edge.store.register import Register
from edge.store.store import Store

HEADER = "barcode,patient_id,age_band,sex,site,smear,collected"
ROWS = 50_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path / "home")
    yield store
    store.close()


def write(folder: Path, *lines: str) -> Path:
    path = folder / "worklist.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def test_good_lines_are_imported_and_bad_ones_named(store: Store, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "B1,P-2,0-4,f,Site A,thin,2026-11-20",
        "=1+1,P-3,0-4,m,Site A,thin,2026-11-20",
        'B3,P-4,15+,male,"Site, B",thick,2026-11-20T10:00+03:00',
        "B4,P-5,7,male,Site A,thin,",
        '"B5,P-6,15+,male,Site A,thin,',
        "B6,P-7,15+,male,@SUM(A1),thin,",
        "B7,P-8,15+,male",
        "",
        "B8,P-9,,,,,",
        "B1,P-9,,,,,",
    )
    report = Register(store).import_worklist(path, "Ann")
    assert (report.added, report.unchanged, report.refused) == (3, 0, 6)
    told = {bad.line: bad.why for bad in report.bad_lines}
    assert list(told) == [3, 5, 6, 7, 8, 11]
    assert "'=1+1'" in told[3] and "'7'" in told[5] and "no line of CSV" in told[6]
    assert "formula" in told[7] and "4 cells under 7 columns" in told[8]
    assert "already for patient P-2" in told[11]
    item = Register(store).expected("B3")
    assert (item.smear, item.site) == ("thick", "Site, B")
    assert item.collected_utc == "2026-11-20T07:00:00+00:00"
    assert Register(store).patient("P-9").age_band == "unknown"
    with pytest.raises(NotFoundError):
        Register(store).patient("P-5")
    newest = Audit(store).entries(1)[0]
    assert (newest.by, newest.action, newest.detail["added"]) == ("Ann", "worklist.imported", 3)


def test_patient_with_other_values_is_refused(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "B1,P-1,0-4,male,Kisumu,,", "B2,P-2,0-4,male,X,,", "B3,P-2,0-4,f,X,,")
    report = Register(store).import_worklist(path)
    assert (report.added, [bad.line for bad in report.bad_lines]) == (1, [2, 4])
    assert "age 5-14, female, site 'Kisumu'" in report.bad_lines[0].why


def test_fifty_thousand_lines_in_bounded_memory_and_again(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, *(f"B{n:06},P{n // 2:06},0-4,f,S,,2026-11-20" for n in range(ROWS)))
    report = Register(store).import_worklist(path)
    assert (report.added, report.refused) == (ROWS, 0)
    before = Audit(store).head(), Register(store).worklist(3)
    tracemalloc.start()
    again = Register(store).import_worklist(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6  # the file's rows alone would take 100 MB as objects
    assert (again.added, again.unchanged, again.refused) == (0, ROWS, 0)
    assert (Audit(store).head(), Register(store).worklist(3)) == before
    assert Register(store).worklist(2, after="B049997")[0].barcode == "B049998"


def test_many_bad_lines_are_counted_and_the_first_kept(store: Store, tmp_path: Path) -> None:
    report = Register(store).import_worklist(write(tmp_path, *["=,=,,,,,"] * 3000))
    assert (report.refused, len(report.bad_lines)) == (3000, 1000)


def test_a_sheet_of_another_country_is_read(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    text = "\ufeffPatient_ID;Barcode;Name\r\nP-2;B-1;Jane Doe\r\n"
    path.write_bytes(text.encode())
    report = Register(store).import_worklist(path)
    assert (report.added, report.ignored_columns) == (1, ("name",))
    assert "Jane" not in (store.home / "records.db").read_bytes().decode("latin-1")


def test_bytes_that_are_no_utf8_spoil_their_own_line_only(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes() + b"B1,P-2,,,K\xf6ln,,\nB2,P-2,,,,,\n\x00\x1b,P-3,,,,,\n")
    report = Register(store).import_worklist(path)
    assert (report.added, [bad.line for bad in report.bad_lines]) == (1, [2, 4])


def test_endless_line_is_refused_and_the_next_one_read(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "B1,P-2" + "x" * 3_000_000, "B2,P-2,,,,,")
    tracemalloc.start()
    report = Register(store).import_worklist(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.added, report.bad_lines[0].line) == (1, 2)
    assert "16,384" in report.bad_lines[0].why
    assert peak < 3e6


@pytest.mark.parametrize("content", [b"", b"name,age\nx,1\n", b"PK\x03\x04" * 50, b"\xff\xfeb\x00"])
def test_file_that_is_no_worklist_is_refused(store: Store, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="lacks the columns barcode, patient_id"):
        Register(store).import_worklist(path)
    with pytest.raises(DataError, match="cannot be read"):
        Register(store).import_worklist(tmp_path / "none.csv")


def test_screened_item_leaves_the_worklist(store: Store, tmp_path: Path) -> None:
    register = Register(store)
    path = write(tmp_path, "B1,P-2,,,,,", "B2,P-2,,,,,")
    register.import_worklist(path)
    specimen_id = screen(store, barcode="B1")
    assert register.expected("B1").specimen_id == specimen_id
    assert [item.barcode for item in register.worklist()] == ["B2"]
    # The file again neither puts it back nor takes it for another.
    assert register.import_worklist(path).unchanged == 2
    assert register.expected("B1").specimen_id == specimen_id
    with pytest.raises(NotFoundError, match="B9"):
        register.expected("B9")
