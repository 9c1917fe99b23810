"""A record, or a matrix of them, as one self-contained HTML file for a phone, a screen or paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, FunctionLoader

from edge.bench.fields import SIMULATED
from edge.bench.matrix_table import Matrix
from edge.bench.record import Record
from edge.bench.sustained import Sustained

# Of the drawing of a sustained run, in its own units.
_WIDTH, _HEIGHT, _LEFT, _TOP = 720, 180, 56, 12


def render_page(record: Record) -> str:
    """The page."""
    return (
        environment()
        .get_template("bench.html")
        .render(
            record=record,
            first=record.models[0],
            longest_ms=max(model.median_ms for model in record.models),
            log_share=log_share,
            stages=_stages(record),
            curve=_curve(record.sustained) if record.sustained else None,
        )
    )


def render_matrix(matrix: Matrix) -> str:
    """The page of a matrix of records."""
    return environment().get_template("bench_matrix.html").render(matrix=matrix)


def environment() -> Environment:
    """Of both pages."""
    made = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_template)
    )
    made.filters |= {"ms": show_ms, "count": show_count, "mb": show_mb}
    return made


def _template(name: str) -> str:
    return files("edge").joinpath("templates", name).read_text(encoding="utf-8")


def show_ms(value: float | None) -> str:
    """Milliseconds with three digits that count; a dash where there is none."""
    if value is None:
        return "–"
    digits = 4 if abs(value) < 0.1 else 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f}"


def show_count(value: float | None) -> str:
    """A whole number with its thousands apart."""
    return "–" if value is None else f"{value:,.0f}"


def show_mb(value: float | None) -> str:
    """Megabytes with one digit behind the point."""
    return "–" if value is None else f"{value:,.1f}"


def log_share(value: float, values: Sequence[float]) -> float:
    """Percent of a bar's length for a value among others, on a logarithmic scale; 4 to 100."""
    low, high = min(values), max(values)
    if high <= low:
        return 100.0
    return round(4 + 96 * math.log(value / low) / math.log(high / low), 1)


def _stages(record: Record) -> list[tuple[str, float, float | None]]:
    """Each stage of a field in its order: name, ms, and percent of all of them; None of drawing a
    field, which would dwarf the rest.
    """
    if record.field is None:
        return []
    inside, beside = record.field.stages_ms, record.field.beside_ms
    each = {"capture": beside["capture"], **inside, "persist": beside["persist"]}
    drawn = {"capture"} if record.field.camera == SIMULATED else set()
    whole = sum(ms for name, ms in each.items() if name not in drawn) or 1.0
    return [
        (name, ms, None if name in drawn else round(100 * ms / whole, 1))
        for name, ms in each.items()
    ]


def _curve(found: Sustained) -> dict[str, str | float]:
    """Points of the medians and of the temperatures, each with its axis."""
    times = [window.at_s for window in found.windows]
    medians = [window.median_ms for window in found.windows]
    warmth = [w.temperature_c for w in found.windows if w.temperature_c is not None]
    curve: dict[str, str | float] = {
        "top": max(medians) * 1.1,
        "medians": _points(times, medians, max(medians) * 1.1),
    }
    if len(warmth) == len(times):
        curve |= {"hottest": max(warmth), "warmth": _points(times, warmth, max(warmth) * 1.1)}
    return curve


def _points(times: Sequence[float], values: Sequence[float], top: float) -> str:
    right, bottom = _WIDTH - _LEFT, _HEIGHT - _TOP
    return " ".join(
        f"{_LEFT + right * at / times[-1]:.1f},{_TOP + bottom * (1 - value / top):.1f}"
        for at, value in zip(times, values, strict=True)
    )
