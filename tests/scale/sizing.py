"""The figures of docs/scale.md: what was measured, from its records, and what follows on paper.

    python -m tests.scale.sizing [--write]

Without --write it says whether the page is that of the records; exit code 1 where it is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.scale.costs import (
    CPUS_PER_NODE,
    FIELD_MB,
    FIELDS_PER_SLIDE,
    LEAST_FIELD_MB,
    LISTS,
    MOST_FIELD_MB,
    OTHER_REQUESTS,
    Costs,
    Sizing,
    costs_of,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "scale.md"
RECORDS = {
    "nodes": "scale-nodes.json",
    "speed": "scale-speed.json",
    "memory": "scale-memory.json",
    "overhead": "scale-overhead.json",
}
ARCHIVES = (10_000, 1_000_000, 10_000_000)
NODES = (1, 10, 100, 1_000)
_HOUR_S, _KB, _MB, _GB, _TB = 3600.0, 1e3, 1e6, 1e9, 1e12


def measured(records: dict[str, Any], costs: Costs) -> str:
    """The table of what was measured."""
    speed, memory, overhead = records["speed"], records["memory"], records["overhead"]
    fast, dear = speed["times_as_fast"], speed["overhead_fraction"]
    cells = memory["rows"]["cells"]
    rows = [
        (
            "two workers on two cores against one process, by rate",
            f"{fast['rate']:.2f} times as fast",
        ),
        ("the same, with all that starting costs", f"{fast['with_start']:.2f} times as fast"),
        (
            f"one worker of Ray against one process, slides of {speed['fields_per_slide']} fields",
            f"{100 * dear['rate']:+.1f} % by rate, {100 * dear['with_start']:+.1f} % with starting",
        ),
        ("a field, in a worker of Ray", f"{1e3 * costs.field_s:.0f} ms"),
        ("starting Ray on this machine", f"{overhead['two_workers']['open_s']:.1f} s"),
        (
            "an empty piece through `Engine.stream` (a slide), one worker; two",
            f"{1e3 * overhead['one_worker']['stream_s_per_piece']:.1f} ms; "
            f"{1e3 * overhead['two_workers']['stream_s_per_piece']:.1f} ms",
        ),
        (
            "an empty piece through `Engine.run` (a fit, a trial), in a fresh process",
            f"{overhead['one_worker']['run_s_per_piece']:.2f} s",
        ),
        (
            f"the driver's memory over {cells:,} crops",
            f"{memory['driver_slope_mb_per_million_crops']:+.1f} MB a million by the fitted line; "
            f"at most {memory['driver_growth_mb']:.1f} MB above where it was after a fifth; peak "
            f"{memory['driver_peak_mb']:.0f} MB, with the tables",
        ),
        (
            f"tables of {memory['rows']['slides']:,} slides and {cells:,} cells, on the driver",
            f"{memory['tables_s']:.1f} s, {1e3 * costs.table_s:.1f} ms a slide beside its cells",
        ),
        (
            "results on disk",
            f"{costs.part_bytes:.1f} B a cell as slides, {costs.table_bytes:.1f} B as tables",
        ),
        ("the driver's memory for each slide that is done", f"{costs.listed_bytes:.0f} B"),
    ]  # fmt: skip
    return _table(("what", "measured"), rows)


def disturbed(records: dict[str, Any]) -> str:
    """The table of runs on two nodes."""
    what = {
        "undisturbed": "nothing",
        "process": "kill -9 of a process that is at a slide",
        "raylet": "kill -9 of the node's raylet",
        "cut": "the node is cut off and stays so",
        "cut-and-back": "the node is cut off and comes back",
        "cut-by-default": "the node is cut off and stays so, health checks as Ray has them",
    }
    rows = []
    for run in records["nodes"]["runs"]:
        same = "identical, nothing twice" if not run["faults"] else "; ".join(run["faults"])
        after = f"{run['ended_after_s']:.0f} s after it" if run["disturbed"] else ""
        done = "; ".join(run["disturbed"][1:])
        dead = "" if run["dead_after_s"] is None else f"{run['dead_after_s']:.0f} s"
        rows.append((
            what[run["kind"]] + (f" ({done})" if done else ""),
            f"{run['seconds']:.0f} s" + (f", {after}" if after else ""),
            dead,
            f"{run['stood_s']:.0f} s",
            same,
        ))  # fmt: skip
    heads = (
        "in mid-archive",
        "the run ended",
        "node dead after",
        "longest time without a new slide",
        "output",
    )
    return _table(heads, rows)


def by_archive(costs: Costs) -> str:
    """What an archive is, whoever screens it."""
    rows = []
    for fields in ARCHIVES:
        one = Sizing(costs, fields)
        least, most = (fields * size * _MB / _TB for size in (LEAST_FIELD_MB, MOST_FIELD_MB))
        requests = fields + one.slides * (LISTS + OTHER_REQUESTS)
        rows.append((
            f"{fields:,}",
            f"{one.slides:,.0f}",
            _short(one.cells),
            _short(fields * costs.field_s / _HOUR_S),
            f"{_short(least)} to {_short(most)} TB",
            _short(requests),
            f"{_bytes(one.cells * costs.part_bytes)} and {_bytes(one.cells * costs.table_bytes)}",
            _bytes(one.slides * costs.listed_bytes),
        ))  # fmt: skip
    heads = (
        "fields", "slides", "cells", "CPU hours", "images", "requests to storage",
        "results: slides and tables", "slides' names in the driver",
    )  # fmt: skip
    return _table(heads, rows)


def by_nodes(costs: Costs) -> str:
    """What an archive takes on so many nodes."""
    rows = []
    for fields in ARCHIVES:
        for nodes in NODES:
            one = Sizing(costs, fields, nodes)
            rows.append((
                f"{fields:,}",
                f"{nodes:,}",
                _time(one.work_s),
                _time(one.driver_s),
                _time(one.tables_s),
                _time(one.total_s),
                one.bound,
                f"{_short(one.gbit_per_s)} Gbit/s",
            ))  # fmt: skip
    heads = (
        "fields",
        "nodes",
        "work",
        "driver",
        "tables",
        "together",
        "bound by",
        "fields to nodes",
    )
    return _table(heads, rows)


def limits(costs: Costs) -> str:
    """Where the driver is as slow as the workers, in words."""
    cpus = FIELDS_PER_SLIDE * costs.field_s / costs.piece_s
    rate = CPUS_PER_NODE / costs.field_s
    return (
        f"A driver gives out {1 / costs.piece_s:.0f} slides a second, whatever they hold. Slides "
        f"of {FIELDS_PER_SLIDE} fields keep a worker for {FIELDS_PER_SLIDE * costs.field_s:.1f} s, "
        f"so one driver feeds {cpus:,.0f} CPUs, {cpus / CPUS_PER_NODE:.0f} nodes of "
        f"{CPUS_PER_NODE}. A "
        f"node reads {rate:.0f} fields a second: {rate * FIELD_MB * 8 / 1e3:.1f} Gbit/s at "
        f"{FIELD_MB:.0f} MB a field, and {rate * MOST_FIELD_MB * 8 / 1e3:.1f} Gbit/s at "
        f"{MOST_FIELD_MB:.0f} MB."
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(number: float) -> str:
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:.3g}{name}"
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _bytes(size: float) -> str:
    unit, name = next(
        (pair for pair in ((_TB, "TB"), (_GB, "GB"), (_MB, "MB")) if size >= pair[0]), (_KB, "kB")
    )
    return f"{size / unit:.3g} {name}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / 60:.0f} min"
    return (
        f"{seconds / _HOUR_S:.1f} h" if seconds < 100 * _HOUR_S else f"{seconds / 86400:.0f} days"
    )


def read_records() -> dict[str, Any]:
    """All of them, by name."""
    return {name: json.loads((DOCS / file).read_text()) for name, file in RECORDS.items()}


def written_page() -> str:
    """The page, each part between its marks as the records have it."""
    records = read_records()
    costs = costs_of(records)
    page = PAGE.read_text()
    for name, text in {
        "measured": measured(records, costs),
        "disturbed": disturbed(records),
        "limits": limits(costs),
        "by archive": by_archive(costs),
        "by nodes": by_nodes(costs),
    }.items():
        begin, end = f"<!-- {name}: python -m tests.scale.sizing -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{PAGE} has no place for {name!r}")
        page = f"{before}{begin}{text}\n{end}{after}"
    return page


def main() -> int:
    """The command; 0 where the page is that of the records, or is made so."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    page = written_page()
    if options.write:
        PAGE.write_text(page)
    return 0 if PAGE.read_text() == page else 1


if __name__ == "__main__":
    sys.exit(main())
