"""What a field, a slide and a cell cost, and what an archive takes on so many nodes: on paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Assumed, as the page says.
FIELDS_PER_SLIDE, CPUS_PER_NODE = 100, 16
LEAST_FIELD_MB, FIELD_MB, MOST_FIELD_MB = 1.0, 3.0, 5.0
# Of a slide in object storage: listed by the driver at the start and the end, by the worker before
# and after it is read; its result is looked for, written, and read again for the tables.
LISTS, OTHER_REQUESTS = 4, 3
# Of the tables; as docs/archive.md has it.
TABLE_CELL_S = 0.5e-6
_MB, _GB = 1e6, 1e9


@dataclass(frozen=True)
class Costs:
    """Measured, on the machine of the records.

    Attributes:
        field_s: a worker's seconds for a field, Ray's share in it.
        start_s: until all workers are at work, and what comes after the last slide.
        piece_s: the driver's seconds for a slide that is no work.
        table_s: the driver's seconds for a slide of the tables, its cells left out.
        cells: of a field.
        part_bytes, table_bytes: of a cell.
        listed_bytes: of the driver's memory for each slide.
    """

    field_s: float
    start_s: float
    piece_s: float
    table_s: float
    cells: float
    part_bytes: float
    table_bytes: float
    listed_bytes: float


def costs_of(records: dict[str, Any]) -> Costs:
    """What a field, a slide and a cell cost."""
    speed, memory, overhead = records["speed"], records["memory"], records["overhead"]
    rows = records["nodes"]["one_process"]["rows"]
    cells = memory["rows"]["cells"]
    return Costs(
        field_s=speed["seconds_per_slide"]["one worker"] / speed["fields_per_slide"],
        start_s=speed["start_s"]["two workers"],
        piece_s=overhead["two_workers"]["stream_s_per_piece"],
        table_s=max(0.0, memory["tables_s"] - cells * TABLE_CELL_S) / memory["rows"]["slides"],
        cells=rows["cells"] / rows["fields"],
        part_bytes=memory["part_bytes"] / cells,
        table_bytes=memory["table_bytes"] / cells,
        listed_bytes=overhead["listing"]["bytes_per_slide"],
    )


@dataclass(frozen=True)
class Sizing:
    """An archive on so many nodes, on paper."""

    costs: Costs
    fields: int
    nodes: int = 1

    @property
    def slides(self) -> float:
        """How many."""
        return self.fields / FIELDS_PER_SLIDE

    @property
    def cells(self) -> float:
        """How many."""
        return self.fields * self.costs.cells

    @property
    def work_s(self) -> float:
        """The workers' time: all of them busy, but no less than one slide takes."""
        cpus = min(self.nodes * CPUS_PER_NODE, self.slides)
        return self.fields * self.costs.field_s / cpus

    @property
    def driver_s(self) -> float:
        """What the driver alone takes to give slides out and to take results in."""
        return self.slides * self.costs.piece_s

    @property
    def tables_s(self) -> float:
        """What the driver alone takes for the tables, after the last slide."""
        return self.slides * self.costs.table_s + self.cells * TABLE_CELL_S

    @property
    def total_s(self) -> float:
        """The start, both at once, then the tables."""
        return self.costs.start_s + max(self.work_s, self.driver_s) + self.tables_s

    @property
    def bound(self) -> str:
        """What most of the time goes to."""
        few = self.nodes * CPUS_PER_NODE > self.slides
        parts = {
            "one slide" if few else "work": self.work_s,
            "driver": self.driver_s,
            "start": self.costs.start_s,
        }
        return max(parts, key=lambda name: parts[name])

    @property
    def gbit_per_s(self) -> float:
        """Of fields, into all nodes together."""
        return self.fields * FIELD_MB * _MB * 8 / _GB / max(self.work_s, self.driver_s)
