"""The study of super-resolution on the page: intervals beside their figures, and a plot a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from train.report.plots import MARKERS, plot
from train.report.studies import table_of
from train.report.superres_tables import Cell, Grid, signed
from train.studies import Study

_FROM, _TO = ", from", ", to"
_SPLIT = "split"
# Of differences; their figures carry a sign.
_MINUS = "minus"


@dataclass(frozen=True)
class StudyPart:
    """One study of the page.

    Attributes:
        plots: caption and data address; none where the study has no intervals.
    """

    study: Study
    grid: Grid
    plots: tuple[tuple[str, str], ...]


def study_part(study: Study, measure: str) -> StudyPart:
    """The study's table, and for each split a plot of one measure with its interval."""
    return StudyPart(study, study_grid(study), tuple(_plots(study, measure)))


def study_grid(study: Study) -> Grid:
    """The table with `X, from` and `X, to` in small below `X`."""
    texts = table_of(study).rows
    measures = [name for name in study.columns if _has_interval(study, name)]
    ends = {name + end for name in measures for end in (_FROM, _TO)}
    shown = [place for place, name in enumerate(study.columns) if name not in ends]
    rows = [
        tuple(_cell(study, values, text, place) for place in shown)
        for values, text in zip(study.rows, texts, strict=True)
    ]
    words = [
        number
        for number, place in enumerate(shown)
        if study.columns[place] not in measures
        and all(isinstance(row[place], str) for row in study.rows)
    ]
    heads = tuple(Cell(study.columns[place]) for place in shown)
    return Grid(heads, tuple(rows), tuple(words))


def _cell(study: Study, values: Sequence[Any], texts: Sequence[str], place: int) -> Cell:
    text, *ends = (
        _text(study, values[at], texts[at])
        for at in (place, *_interval_of(study, study.columns[place]))
    )
    return Cell(text, " to ".join(ends) if all(ends) else "")


def _text(study: Study, value: Any, text: str) -> str:
    """As the report prints it, but that a difference has its sign."""
    if _of_differences(study) and isinstance(value, float):
        return signed(value, 4).replace("0.", ".", 1)
    return text


def _interval_of(study: Study, name: str) -> list[int]:
    if not _has_interval(study, name):
        return []
    return [study.columns.index(name + end) for end in (_FROM, _TO)]


def _plots(study: Study, measure: str) -> list[tuple[str, str]]:
    if not _has_interval(study, measure):
        return []
    if _SPLIT not in study.columns:
        return [("", _plot(study, study.rows, measure))]
    place = study.columns.index(_SPLIT)
    splits = list(dict.fromkeys(row[place] for row in study.rows))
    return [
        (
            f"split: {split}",
            _plot(study, [row for row in study.rows if row[place] == split], measure),
        )
        for split in splits
    ]


def _plot(study: Study, rows: Sequence[Sequence[Any]], measure: str) -> str:
    """A row each, from the top; a marker for each last word of a row's name."""
    at = [study.columns.index(measure + end) for end in ("", _FROM, _TO)]
    names = [_row_name(study, row) for row in rows]
    kinds = list(dict.fromkeys(name[-1] for name in names))
    label = f"{measure}, difference" if _of_differences(study) else measure
    with plot(label, "", 5.0, 0.9 + 0.23 * len(rows)) as drawn:
        if _of_differences(study):
            drawn.axes.axvline(0, color="0.7", linewidth=0.8)
        for place, (row, name) in enumerate(zip(rows, names, strict=True)):
            value, low, high = (row[index] for index in at)
            if isinstance(value, str):
                continue
            if not isinstance(low, str) and not isinstance(high, str):
                drawn.axes.hlines(place, low, high, color="0.5")
            marker = MARKERS[kinds.index(name[-1]) % len(MARKERS)]
            drawn.axes.plot(value, place, marker, color="k", mfc="w", markersize=5)
        drawn.axes.set_yticks(range(len(rows)), [", ".join(name) for name in names], fontsize=9)
        drawn.axes.set_ylim(len(rows) - 0.5, -0.5)
        drawn.axes.locator_params("x", nbins=5)
    return drawn.uri


def _row_name(study: Study, row: Sequence[Any]) -> tuple[str, ...]:
    """The texts that lead a row, but for the split."""
    leading: list[str] = []
    for name, value in zip(study.columns, row, strict=True):
        if not isinstance(value, str):
            break
        if name != _SPLIT:
            leading.append(value)
    return tuple(leading)


def _has_interval(study: Study, name: str) -> bool:
    return {name, name + _FROM, name + _TO} <= set(study.columns)


def _of_differences(study: Study) -> bool:
    return any(name.endswith(_MINUS) for name in study.columns)
