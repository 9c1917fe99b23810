"""The result of one slide as one file: a row with its fields, and their cells, nested in it.

The file's name has the slide and the state of its fields in it, so that a list of names tells what
is done. Nothing in it depends on when or where it was made: made again it is the same, byte for
byte.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

from edge.archive.ahead import fetch_ahead
from edge.archive.libraries import need
from edge.archive.places import Place
from edge.archive.schema import (
    CELLS,
    FIELDS,
    SLIDE_ID,
    SLIDES,
    VERSION,
    arrow_schema,
    cell_struct,
    field_struct,
    part_schema,
)
from edge.archive.sources import Slide
from edge.contract.errors import DataError
from edge.contract.results import field_to_json
from edge.contract.types import FieldResult, SlideReport
from edge.tally import count_positive

PARTS, SUFFIX = "parts", ".parquet"
FACTS_KEY = b"clinicscope.archive.part"
# Fixed, since the bytes depend on them.
COMPRESSION = {"compression": "zstd", "compression_level": 3}


@dataclass(frozen=True)
class PartFacts:
    """What a part's file says of itself beside its table.

    Attributes:
        slide_id: which slide.
        fingerprint: of its fields when they were read.
        schema_version: of the tables.
    """

    slide_id: str
    fingerprint: str
    fields: int
    cells: int
    bundle_id: str
    bundle_sha256: str
    protocol: str
    program_version: str
    schema_version: int = VERSION


class DamagedPartError(DataError):
    """A part cannot be read; the slide must be screened again."""


def slide_key(slide_id: str) -> str:
    """What stands for a slide in file names."""
    return hashlib.sha256(slide_id.encode()).hexdigest()[:32]


def part_path(slide: Slide) -> str:
    """Where a slide's result lies below --out."""
    key = slide_key(slide.slide_id)
    return f"{PARTS}/{key[:2]}/{key}-{slide.fingerprint}{SUFFIX}"


def list_parts(place: Place) -> set[str]:
    """Paths of all parts; a few folders are listed at a time. Raises OSError."""
    try:
        folders = [f"{PARTS}/{one.name}" for one in place.entries(PARTS) if one.is_folder]
    except FileNotFoundError:
        return set()
    return {
        f"{folder}/{one.name}"
        for folder, entries in fetch_ahead(place.entries, folders)
        for one in entries
        if not one.is_folder and _is_part(one.name)
    }


def _is_part(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


class PartBuilder:
    """Collects a slide's fields, their cells as compact columns."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._cells: list[Any] = []

    @property
    def fields(self) -> int:
        """How many fields so far."""
        return len(self._rows)

    @property
    def cells(self) -> int:
        """How many cells they have."""
        return sum(map(len, self._cells))

    @property
    def undecodable(self) -> int:
        """How many of them are no picture."""
        return sum(not row["decoded"] for row in self._rows)

    def add(self, result: FieldResult, *, decoded: bool) -> None:
        """Takes the next field."""
        plain = field_to_json(result)
        cells = [{"cell": at} | cell for at, cell in enumerate(plain["cells"])]
        counts = {
            "rbc_count": result.rbc_count,
            "positive_count": count_positive(result),
            "cell_count": len(cells),
        }
        self._rows.append({"file": plain["file"], "decoded": decoded} | plain["quality"] | counts)
        self._cells.append(need("pyarrow").array(cells, cell_struct()))

    def build(self, slide: Slide, report: SlideReport, program_version: str) -> bytes:
        """The file's bytes."""
        pa, schema = need("pyarrow"), part_schema()
        own = {
            "slide_id": slide.slide_id,
            "fields_undecodable": self.undecodable,
            "program_version": program_version,
        }
        row = report.to_json() | own
        row["stage_counts"] = row["stage_counts"] or None
        columns = [
            pa.array([row[column.name]], schema.field(column.name).type) for column in SLIDES
        ]
        kind = schema.field("fields").type
        columns.append(pa.ListArray.from_arrays([0, len(self._rows)], self._fields(), type=kind))
        facts = PartFacts(
            slide.slide_id,
            slide.fingerprint,
            len(self._rows),
            self.cells,
            report.ran_on.bundle_id,
            report.ran_on.bundle_sha256,
            f"{report.protocol}@{report.protocol_version}",
            program_version,
        )
        said = {FACTS_KEY: json.dumps(vars(facts), ensure_ascii=False).encode()}
        table = pa.Table.from_arrays(columns, schema=schema.with_metadata(said))
        file = io.BytesIO()
        need("pyarrow.parquet").write_table(table, file, write_statistics=False, **COMPRESSION)
        return file.getvalue()

    def _fields(self) -> Any:
        pa, kind = need("pyarrow"), field_struct()
        columns = [
            pa.array([row[column.name] for row in self._rows], kind.field(column.name).type)
            for column in FIELDS[2:]
        ]
        ends = [0]
        for cells in self._cells:
            ends.append(ends[-1] + len(cells))
        joined = pa.concat_arrays([pa.array([], cell_struct()), *self._cells])
        columns.append(pa.ListArray.from_arrays(ends, joined, type=kind.field("cells").type))
        return pa.StructArray.from_arrays(columns, fields=list(kind))


def read_facts(data: bytes) -> PartFacts:
    """What a part says of itself. Raises DamagedPartError."""
    try:
        schema = need("pyarrow.parquet").read_schema(io.BytesIO(data))
        return PartFacts(**json.loads(schema.metadata[FACTS_KEY]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedPartError(str(error)) from error


def read_part(data: bytes) -> dict[str, Any]:
    """A part as its rows of each table. Raises DamagedPartError."""
    try:
        row = need("pyarrow.parquet").ParquetFile(io.BytesIO(data)).read()
        return _unfold(row.combine_chunks())
    except (OSError, ValueError, KeyError) as error:
        raise DamagedPartError(str(error)) from error


def _unfold(row: Any) -> dict[str, Any]:
    pa, pc = need("pyarrow"), need("pyarrow.compute")
    slide_id = row.column(SLIDE_ID.name)[0]
    fields = row.column("fields").chunk(0).flatten()
    nested = fields.field("cells")
    cells, of_field = nested.flatten(), pc.list_parent_indices(nested).cast("int32")
    own = {
        "slides": {column.name: row.column(column.name) for column in SLIDES},
        "fields": {column.name: fields.field(column.name) for column in FIELDS[2:]}
        | {"field": pa.array(range(len(fields)), "int32")},
        "cells": {column.name: cells.field(column.name) for column in CELLS[3:]}
        | {"field": of_field, "file": fields.field("file").take(of_field)},
    }
    counts = {"slides": 1, "fields": len(fields), "cells": len(cells)}
    tables = {}
    for name, columns in own.items():
        schema = arrow_schema(name)
        columns["slide_id"] = pa.repeat(slide_id, counts[name])
        tables[name] = pa.Table.from_arrays([columns[key] for key in schema.names], schema=schema)
    return tables
