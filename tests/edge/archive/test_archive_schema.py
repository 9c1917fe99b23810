"""The tables' columns: as docs/archive.md lists them, and as the files carry them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edge.archive import table_writer
from edge.archive.parts import PartBuilder, read_part
from edge.archive.places import open_place
from edge.archive.schema import TABLES, VERSION, VERSION_KEY, arrow_schema
from edge.archive.sources import Slide
from edge.contract.errors import ConfigError
from edge.screening.screener import refused_field
from tests.support.clinic_specimens import REPORT
from tests.support.painted_slides import bytes_of

DOCS = Path(__file__).parents[3] / "docs" / "archive.md"


def documented(table: str) -> list[list[str]]:
    """Rows of the table below the heading of its name."""
    text = DOCS.read_text().split(f"### `{table}`", 1)[1].split("\n### ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_as_documented(table: str) -> None:
    expected = [
        [
            f"`{column.name}`",
            column.kind + (", may be null" if column.nullable else ""),
            column.unit,
            column.meaning,
        ]
        for column in TABLES[table]
    ]
    assert documented(table) == expected
    assert f"schema version is {VERSION}" in DOCS.read_text()


def test_files_carry_version_unit_and_meaning(tmp_path: Path) -> None:
    schema = arrow_schema("cells")
    pq.write_table(schema.empty_table(), tmp_path / "cells.parquet")
    kept = pq.read_schema(tmp_path / "cells.parquet")
    assert kept.metadata[VERSION_KEY] == str(VERSION).encode()
    assert kept.field("left_px").metadata[b"unit"] == b"px"
    assert b"left edge" in kept.field("left_px").metadata[b"meaning"]
    assert not kept.field("left_px").nullable and kept.field("score").nullable


def test_part_without_cells_has_rows_of_fields_alone() -> None:
    built = PartBuilder()
    built.add(refused_field("a.jpg", "not an image"), decoded=False)
    part = read_part(built.build(Slide("s/ä", "f" * 16), REPORT, "1.0"))
    assert {name: len(rows) for name, rows in part.items()} == {
        "slides": 1, "fields": 1, "cells": 0,
    }  # fmt: skip
    for name, rows in part.items():
        assert rows.schema.equals(arrow_schema(name), check_metadata=True)
    assert part["slides"].to_pylist()[0]["slide_id"] == "s/ä"
    assert part["slides"].to_pylist()[0]["stage_counts"] is None
    assert part["fields"].to_pylist()[0]["lettering_px"] is None


def test_rows_are_cut_into_files_and_groups_however_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_writer, "ROWS_A_GROUP", 16)
    monkeypatch.setattr(table_writer, "ROWS_A_FILE", 64)
    schema = arrow_schema("slides")
    blank = {"string": "", "bool": False, "int64": 0, "double": 0.0}
    row = {field.name: blank.get(str(field.type)) for field in schema} | {"assumptions": []}
    rows = [row | {"slide_id": f"{number:04}"} for number in range(85)]
    whole = pa.Table.from_pylist(rows, schema)
    for name, step in (("one", 1), ("two", 37)):
        table = table_writer.TableWriter("slides", open_place(str(tmp_path)), name)
        for start in range(0, 85, step):
            table.add(whole.slice(start, step))
        table.finish()
        assert table.rows == 85 and len(table.files) == 2
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    found = pq.ParquetFile(tmp_path / "one" / "slides" / "part-00001.parquet").metadata
    assert [found.row_group(at).num_rows for at in range(2)] == [16, 5]
    assert pq.read_table(tmp_path / "one" / "slides").to_pylist() == rows


def test_missing_library_names_the_extra() -> None:
    from edge.archive.libraries import need

    with pytest.raises(ConfigError, match=r"needs nowhere.*clinicscope\[archive\]"):
        need("nowhere.at_all")
