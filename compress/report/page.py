"""`compress report`: every table of the records on one page, and the same tables in Markdown.

A broken record stops it with its path: a report that leaves out a table would be read as complete.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compress.report import markdown, plots
from compress.report.cells import accuracy_rule, speed_cells, variant_cells
from compress.report.fronts import front_sections
from compress.tables import RECORDS_DIR, VariantTable, read_tables
from train.report.page import TEMPLATES as BASE

TEMPLATES = Path(__file__).parent / "templates"
COMMAND = "clinicscope compress report"


def write_report(page: Path, tables_page: Path, records: Path = RECORDS_DIR) -> None:
    """Writes both files, each whole; nothing where a record is broken.

    Args:
        page: the HTML file.
        tables_page: the Markdown file.
        records: folder of records.

    Raises:
        DataError: no table at all, or a broken record; its path is named.
    """
    tables, fronts = read_tables(records), front_sections(records)
    html = _render(
        "compression.html",
        tables=[_section(table) for table in tables],
        fronts=fronts,
        command=COMMAND,
    )
    text = markdown.render(tables, fronts, COMMAND)
    for path, content in ((page, html), (tables_page, text)):
        _write(path, content)


def write_html(path: Path, template: str, **values: Any) -> Path:
    """Renders `templates/TEMPLATE` to one HTML file, whole or not at all."""
    _write(path, _render(template, **values))
    return path


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    room = Environment(
        loader=FileSystemLoader([TEMPLATES, BASE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return room.get_template(template).render(**values)


def _section(table: VariantTable) -> dict[str, Any]:
    """What the template prints of one table."""
    return {
        "table": table,
        "cells": variant_cells(table),
        "speed": speed_cells(table),
        "rule": accuracy_rule(table),
        "by_bytes": plots.auc_against_bytes(table),
        "by_time": plots.auc_against_time(table),
        "layers": [(errors, plots.layer_bars(errors)) for errors in table.layer_errors],
    }
