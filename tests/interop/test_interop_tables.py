"""CSV: whole, one line a specimen, and nothing in it that a spreadsheet runs."""

from __future__ import annotations

import csv
import io

import pytest
from clinic import HOSTILE, screen

from edge.contract.errors import DataError
from edge.interop.cases import cases_of_month, next_month
from edge.interop.tables import COLUMNS, csv_lines, neutral
from edge.store.records import SpecimenDetails
from edge.store.results import Results
from edge.store.store import Store


def rows(store: Store, month: str = "2026-11") -> list[dict[str, str]]:
    text = b"".join(csv_lines(cases_of_month(store, month))).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", HOSTILE]
)
def test_text_that_begins_as_a_formula_is_neutralised(text: str) -> None:
    assert neutral(text)[0] == "'" and neutral(text).replace("'", "") == text


def test_text_that_begins_as_one_after_a_semicolon_or_a_space_is_neutralised() -> None:
    assert neutral("thick;=1") == "thick;'=1" and neutral("a;  -2") == "a;'-2"
    assert neutral("  =1") == "'=1" and neutral("a\n=1") == "a\n'=1"
    assert neutral("3-4 of 5; see @ 7, -1") == "3-4 of 5; see @ 7, -1"


@pytest.mark.parametrize(
    ("value", "cell"),
    [(-0.5, "-0.5"), (7, "7"), (None, ""), (True, "yes"), (False, "no"), ("P-1", "P-1")],
)
def test_other_values_stay_as_they_are(value: object, cell: str) -> None:
    assert neutral(value) == cell


def test_text_that_is_no_utf8_is_written_all_the_same() -> None:
    assert neutral("a\udcffb\x00c") == "a?bc"


def test_table_tells_the_newest_result_of_each_specimen(store: Store) -> None:
    first = screen(store, label=HOSTILE)
    running = store.start_specimen("S-2", "upload", {}, SpecimenDetails())
    Results(store).sign(first, "Dr Achieng")
    told = {row["specimen_id"]: row for row in rows(store)}
    assert tuple(told[first]) == COLUMNS and set(told) == {first, running}
    assert told[first]["label"] == f"'{HOSTILE}"
    assert told[first]["result_status"] == "final" and told[first]["result_by"] == "Dr Achieng"
    assert told[first]["verdict"] == "positive" and told[first]["age_band"] == "5-14"
    assert told[first]["parasitaemia_fraction"] == "0.0119"
    assert told[first]["bundle_sha256"] == "ab" * 32
    # What was not finished has no verdict, and surely no negative one.
    assert told[running]["verdict"] == "" and told[running]["status"] == "running"


def test_month_holds_its_own_specimens_alone(store: Store) -> None:
    for moment in ("2026-10-31T23:59:59+00:00", "2026-11-01T00:00:00+00:00"):
        store.now = lambda moment=moment: moment
        screen(store, fields=0)
    store.now = lambda: "2026-12-01T00:00:00+00:00"
    screen(store, fields=0)
    assert [row["started_utc"][:10] for row in rows(store)] == ["2026-11-01"]
    assert next_month("2026-12") == "2027-01"


def test_all_pages_of_a_month_are_told_once(store: Store) -> None:
    made = {screen(store, fields=0) for _ in range(53)}
    told = [row["specimen_id"] for row in rows(store)]
    assert len(told) == 53 and set(told) == made


@pytest.mark.parametrize("month", ["2026-13", "2026", "11-2026", "=1", "1026-11"])
def test_what_is_no_month_is_refused(store: Store, month: str) -> None:
    with pytest.raises(DataError, match="month"):
        list(cases_of_month(store, month))
