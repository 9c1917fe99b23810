"""Writes one table of an archive: files of so many rows, in groups, however the rows come."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

from edge.archive.libraries import need
from edge.archive.parts import COMPRESSION
from edge.archive.places import Place
from edge.archive.schema import arrow_schema

ROWS_A_GROUP = 1 << 16
ROWS_A_FILE = 1 << 20
MOST_WAITING = 256


class TableWriter:
    """Writes rows as they come; a group of rows is in memory, never more.

    Attributes:
        rows: taken so far.
        files: paths of those that were begun.
    """

    def __init__(self, name: str, place: Place, folder: str) -> None:
        self._place, self._folder, self._name = place, folder, name
        self._schema = arrow_schema(name)
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._in_file = 0
        self._open = ExitStack()
        self._writer: Any = None
        self.rows = 0
        self.files: list[str] = []

    def add(self, rows: Any) -> None:
        """Takes the next rows, an Arrow table of the schema."""
        self._waiting.append(rows)
        if len(self._waiting) > MOST_WAITING:
            # A row takes far less in a large table than in one of its own.
            self._waiting = [need("pyarrow").concat_tables(self._waiting).combine_chunks()]
        self._waiting_rows += len(rows)
        self.rows += len(rows)
        while self._waiting_rows >= ROWS_A_GROUP:
            self._write(ROWS_A_GROUP)

    def _write(self, count: int) -> None:
        pa = need("pyarrow")
        rows = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        if self._writer is None:
            self._next_file()
        self._writer.write_table(rows.slice(0, count).combine_chunks(), row_group_size=ROWS_A_GROUP)
        self._waiting = [rows.slice(count)]
        self._waiting_rows = len(rows) - min(count, len(rows))
        self._in_file += count
        if self._in_file >= ROWS_A_FILE:
            self._end_file()

    def _next_file(self) -> None:
        path = f"{self._folder}/{self._name}/part-{len(self.files):05d}.parquet"
        self.files.append(path)
        file = self._open.enter_context(self._place.create(path))
        writer = need("pyarrow.parquet").ParquetWriter(file, self._schema, **COMPRESSION)
        self._writer = self._open.enter_context(writer)

    def _end_file(self) -> None:
        self._open.close()
        self._writer, self._in_file = None, 0

    def finish(self) -> None:
        """Writes what waits; a table without rows is one file without rows."""
        if self._waiting_rows or not self.files:
            self._write(ROWS_A_GROUP)
        self._end_file()

    def abandon(self) -> None:
        """Closes what is open, whatever state it is in."""
        with suppress(Exception):
            self._open.close()
