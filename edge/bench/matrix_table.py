"""The records of a matrix side by side, those of each machine by themselves.

Ratios are to the machine's first record of the same task, and are claimed as `edge.bench.compare`
claims them. Between machines there are none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.bench.compare import Compared, compare
from edge.bench.matrix import NODE, Effort, Measured, threads_of
from edge.bench.schema import SCHEMA
from edge.bench.spread import Interval

_FIELD = "a field, JPEG bytes to calls"
NO_FIELD = "takes no fields of a smear"


@dataclass(frozen=True)
class Row:
    """One record.

    Attributes:
        asked: runtime and threads, in words; `ran` is runtime and accelerator that really ran.
        median_ms: of a call of the network with one cell, X-ray or tile.
        network, field: against the machine's first record of the task; None of that record itself,
            and of a bundle that takes no fields.
        no_field: why there is no field; empty where there is one.
        verdict: of the record.
    """

    file: str
    bundle_id: str
    bundle_sha256: str
    task: str
    asked: str
    ran: str
    threads: int
    median_ms: Interval
    network: Compared | None
    field_ms: Interval | None
    field: Compared | None
    slides_an_hour: float | None
    no_field: str
    verdict: str


@dataclass(frozen=True)
class MachineRows:
    """The records of one machine with one code, in the order asked for."""

    node: str
    board: str
    processor: str
    cores: int
    kernel: str
    code_sha256: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Missing:
    """A combination without a record."""

    bundle_id: str
    asked: str
    why: str


@dataclass(frozen=True)
class Matrix:
    """The whole of it; the records themselves are files beside it."""

    schema: int
    made_utc: str
    runs: int
    fields: int
    machines: tuple[MachineRows, ...]
    missing: tuple[Missing, ...]


def tabulate(measured: Sequence[Measured], effort: Effort) -> Matrix:
    """The table.

    Raises:
        DataError: a record lacks what a record has.
    """
    groups: dict[str, list[tuple[Measured, dict[str, Any]]]] = {}
    for one in measured:
        if one.record:
            groups.setdefault(_machine_of(one.record), []).append((one, one.record))
    return Matrix(
        SCHEMA,
        datetime.now(UTC).isoformat(timespec="seconds"),
        effort.runs,
        effort.fields,
        tuple(_machine_rows(group) for group in groups.values()),
        tuple(
            Missing(one.combination.bundle_id, _asked(one), one.why)
            for one in measured
            if not one.record
        ),
    )


def _machine_of(record: dict[str, Any]) -> str:
    """Records of which this differs are of different machines, or of one that was changed."""
    machine = record["machine"] | {"memory_mb": None}
    return json.dumps([record.get(NODE), machine, record["after"]["governors"]], sort_keys=True)


def _machine_rows(group: Sequence[tuple[Measured, dict[str, Any]]]) -> MachineRows:
    first_of: dict[str, dict[str, Any]] = {}
    rows = []
    for one, record in group:
        first = first_of.setdefault(one.combination.task, record)
        rows.append(_row(one, record, None if first is record else first))
    record = group[0][1]
    machine = record["machine"]
    return MachineRows(
        record.get(NODE, ""), machine["board"], machine["processor"], machine["cores"],
        machine["kernel"], machine["code_sha256"], tuple(rows),
    )  # fmt: skip


def _row(one: Measured, record: dict[str, Any], first: dict[str, Any] | None) -> Row:
    ran, field = record["ran_on"], record["field"]
    (model,) = [each for each in record["models"] if each["role"] in ("classifier", "enhancer")]
    compared = {row.what: row for row in compare(first, record).rows} if first else {}
    return Row(
        one.file,
        one.combination.bundle_id,
        one.combination.bundle_sha256,
        one.combination.task,
        _asked(one),
        f"{ran['runtime']}/{ran['accelerator']}",
        one.combination.threads,
        Interval(**model["median_interval"]),
        compared.get(model["role"]),
        Interval(**field["total_interval"]) if field else None,
        compared.get(_FIELD),
        record["slides"]["an_hour"] if record["slides"] else None,
        "" if field else NO_FIELD,
        _verdict(record["verdict"]),
    )


def _asked(one: Measured) -> str:
    asked = one.combination
    return f"{asked.runtime or 'first runtime'}, {threads_of(asked.threads)}"


def _verdict(verdict: dict[str, Any]) -> str:
    if verdict["comparable"]:
        return "comparable"
    return f"not comparable because {'; '.join(verdict['reasons'])}"


def matrix_lines(matrix: Matrix) -> Iterator[str]:
    """As text for a terminal."""
    for machine in matrix.machines:
        code = machine.code_sha256[:12]
        yield f"{machine.node}: {machine.processor}, {machine.cores} cores, code {code}"
        for row in machine.rows:
            yield from _row_lines(row)
    for one in matrix.missing:
        yield f"not measured: {one.bundle_id}, {one.asked}: {one.why}"
    if len(matrix.machines) > 1:
        yield "records of different machines, or code, are not compared"


def _row_lines(row: Row) -> Iterator[str]:
    call = f"{row.median_ms.value:9.4f} ms a call{_ratio(row.network)}"
    yield f"  {row.bundle_id:20} {row.asked:26} {call}"
    indent = f"  {'':20}"
    if row.field_ms is None:
        yield f"{indent} a field: {row.no_field}"
    else:
        hour = f", {row.slides_an_hour:,.0f} slides an hour" if row.slides_an_hour else ""
        yield f"{indent} {'a field':26} {row.field_ms.value:9.2f} ms{hour}{_ratio(row.field)}"
    yield f"{indent} {row.verdict}"


def _ratio(compared: Compared | None) -> str:
    return f"  x{compared.ratio:.3f}  {compared.outcome}" if compared else ""
