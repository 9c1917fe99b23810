"""The tables as Markdown, each with the command that makes its figures."""

from __future__ import annotations

from collections.abc import Sequence

from compress.report.cells import Cell, Cells, accuracy_rule, speed_cells, variant_cells
from compress.report.fronts import FrontSection
from compress.tables import VariantTable

_HEAD = """# Compression tables

Made by `{command}` from `compress/records/`; do not edit. In brackets behind each figure is
what the head of its column has in brackets. Intervals are 95 %, by bootstrap over patients; those
of differences are paired. Times are of one thread, variants and peers in turns in one run.

For research and screening support, not for diagnosis.
"""


def render(tables: Sequence[VariantTable], fronts: Sequence[FrontSection], command: str) -> str:
    """The whole file."""
    parts = [_HEAD.format(command=command)]
    parts += [_table_section(table) for table in tables]
    parts += [_front_section(section) for section in fronts]
    return "\n".join(parts)


def _table_section(table: VariantTable) -> str:
    lines = [
        f"## {table.title}",
        "",
        f"{table.data}; {accuracy_rule(table)}. Timed on {table.machine}.",
        "",
        *_rows(variant_cells(table)),
        "",
    ]
    speed = speed_cells(table)
    if speed:
        lines += ["Times faster than the peers, by medians:", "", *_rows(speed), ""]
    for errors in table.layer_errors:
        lines += [
            f"Error that each layer of {errors.variant} adds, in steps of its own quantisation "
            "(rounding alone gives .29):",
            "",
            "| layer | operation | steps |",
            "|---|---|---:|",
            *(
                f"| {_plain(layer.layer)} | {layer.kind} | {layer.steps:.2f} |"
                for layer in errors.layers
            ),
            "",
        ]
    lines += [f"- {note}" for note in table.notes] + ([""] if table.notes else [])
    return "\n".join([*lines, *_command(table.command)])


def _front_section(section: FrontSection) -> str:
    front = section.front
    lines = [f"## {front.title}", "", *_rows(section.cells), ""]
    lines += [front.note, ""] if front.note else []
    return "\n".join([*lines, *_command(front.command)])


def _command(command: str) -> list[str]:
    return ["Every figure of this section is made by", "", "```", command, "```", ""]


def _rows(cells: Cells) -> list[str]:
    rule = ["---", *("---:" for _ in cells.columns[1:])]
    texts = [[_joined(cell) for cell in row] for row in (cells.columns, *cells.rows)]
    for row, peer in zip(texts[1:], cells.peer, strict=True):
        row[0] += ", peer" if peer else ""
    return [_line(texts[0]), _line(rule), *(_line(row) for row in texts[1:])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _joined(cell: Cell) -> str:
    return _plain(f"{cell.text} ({cell.small})" if cell.small else cell.text)


def _plain(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")
