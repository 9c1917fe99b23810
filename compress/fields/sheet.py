"""One self-contained page of worst misses, worst false alarms and worst fields.

It shows pictures of the collections, so it goes where the user says and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from compress.fields.bench import Measured
from compress.fields.measured import Collection
from compress.fields.worst import (
    WORST_CELLS,
    WorstCell,
    WorstField,
    not_called,
    not_found,
    worst_false_alarms,
    worst_fields,
)
from compress.report.page import write_html
from edge.analysis.explain import cell_view
from edge.contract.images import read_image
from edge.contract.types import U8Array
from train.fields.callers import Caller, call_fields
from train.report.page import image_uri

PAGE = "fields.html"
_HIT, _MISSED, _FALSE, _LEFT_OUT = (60, 150, 110), (214, 32, 32), (205, 105, 0), (120, 120, 120)
_VIEW_PX, _FIELD_PX = 112, 1100


@dataclass(frozen=True)
class Tile:
    """A picture and what is written below it."""

    picture: str
    caption: str


@dataclass(frozen=True)
class Strip:
    """Cells of one fault; `n` is how many there were in all."""

    title: str
    n: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class SheetSection:
    """One collection: cells in strips, fields whole."""

    name: str
    strips: tuple[Strip, ...]
    fields: tuple[Tile, ...]


def write_sheet(folder: Path, measured: Measured) -> Path:
    """Writes `folder/fields.html`; the first caller's calls are shown.

    Raises:
        ImageError: a field's picture cannot be read any more.
    """
    caller = measured.callers[0]
    sections = [_section(one, caller) for one in measured.collections.values()]
    return write_html(folder / PAGE, "fields_sheet.html", sections=sections, caller=caller.name)


def _section(collection: Collection, caller: Caller) -> SheetSection:
    fields = collection.fields
    calls = call_fields(fields, caller)
    faults = {
        "Infected cells that were not found": not_found(fields),
        "Infected cells that were not called, lowest score first": not_called(fields, calls),
        "False alarms, highest score first": worst_false_alarms(fields, calls),
    }
    strips = [
        Strip(title, len(cells), tuple(map(_cell_tile, cells[:WORST_CELLS])))
        for title, cells in faults.items()
        if cells
    ]
    tiles = tuple(map(_field_tile, worst_fields(collection)))
    return SheetSection(collection.name, tuple(strips), tiles)


def _cell_tile(cell: WorstCell) -> Tile:
    truth = cell.field.truth
    view = cell_view(read_image(truth.path), *cell.box_px)
    score = "not found" if cell.logit is None else f"logit {cell.logit:.1f}"
    instead = f", taken for {cell.taken_for}" if cell.taken_for else ""
    caption = f"{cell.label}, {score}{instead}; {truth.name} {truth.group}"
    return Tile(image_uri(view, _VIEW_PX), caption)


def _field_tile(worst: WorstField) -> Tile:
    refused = worst.field.reading.refused
    said = f"refused: {refused}; " if refused else ""
    caption = (
        f"{worst.field.truth.name}, {worst.field.truth.group}: {said}{worst.hits} found, "
        f"{worst.missed} missed, {worst.false} false"
    )
    return Tile(image_uri(draw_matched(worst), _FIELD_PX), caption)


def draw_matched(worst: WorstField) -> U8Array:
    """The field with found cells green, missed ones red, false ones orange, left out ones grey."""
    one = worst.field
    image = read_image(one.truth.path)
    for row, box in enumerate(one.reading.boxes_px):
        if one.reading.red[row]:
            colour = _HIT if one.fair.true_of_found[row] >= 0 else _FALSE
            _frame(image, box, colour if one.fair.found_counts[row] else _LEFT_OUT)
    for row in np.flatnonzero(one.fair.true_counts & (one.fair.found_of_true < 0)):
        if one.truth.boxes_px is not None:
            _frame(image, one.truth.boxes_px[row], _MISSED)
        else:
            x, y = one.truth.centres_px[row]
            cv2.circle(image, (round(x), round(y)), 5, _MISSED, cv2.FILLED)
    return image


def _frame(image: U8Array, box_px: np.ndarray, colour: tuple[int, int, int]) -> None:
    left, top, width, height = (int(side) for side in box_px)
    thick = 2 if image.shape[1] > 800 else 1
    cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), colour, thick)
