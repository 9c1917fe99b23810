"""A specimen's report as one self-contained HTML file: verdict, counts, evidence, what ran."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from importlib.resources import files

import cv2
from jinja2 import Environment

from edge.analysis.explain import annotate_field, cell_view, heat_view
from edge.contract.images import encode_image
from edge.contract.labels import STAGES, is_infected
from edge.contract.results import cell_to_json
from edge.contract.types import CellCall, FieldResult, Frame, SlideReport, U8Array

# A report must open on a phone: beyond these numbers it says how many more there are.
MAX_CELLS = 60
MAX_FIELDS = 40
THUMBNAIL_WIDTH_PX = 360
CUT = "not counted: cut by the field's edge"
SECOND_HEALTHY = "second opinion: healthy"


@dataclass(frozen=True)
class Suspect:
    """A suspect cell's pictures as data URIs.

    Attributes:
        score: of the network that suspects it.
        stage: empty where none was named.
        note: what a reviewer should know of it; may be empty.
    """

    field: str
    score: float
    plain: str
    heat: str
    note: str = ""
    stage: str = ""


@dataclass
class Gallery:
    """Suspect cells, highest score first, no more than MAX_CELLS of those seen."""

    shown: list[Suspect] = field(default_factory=list)
    seen: int = 0

    def add(self, found: list[Suspect]) -> None:
        """Takes the cells of one more field."""
        self.seen += len(found)
        self.shown = sorted([*self.shown, *found], key=lambda suspect: -suspect.score)[:MAX_CELLS]


@dataclass(frozen=True)
class FieldRow:
    """A field's line; `picture` is empty beyond MAX_FIELDS."""

    name: str
    usable: bool
    reason: str
    rbc_count: int
    picture: str


class ReportWriter:
    """Collects evidence field by field; holds small pictures, never whole fields."""

    def __init__(self) -> None:
        self._fields: list[FieldRow] = []
        self._suspects, self._disputed = Gallery(), Gallery()
        self._red, self._asked = 0, 0

    def add(self, result: FieldResult, frame: Frame) -> None:
        """Takes one field's evidence."""
        quality, picture = result.quality, ""
        if len(self._fields) < MAX_FIELDS:
            cells = [cell_to_json(cell) for cell in result.cells]
            picture = _data_uri(_thumbnail(annotate_field(frame.image, cells)))
        self._fields.append(
            FieldRow(result.name, quality.usable, quality.reason, result.rbc_count, picture)
        )
        infected = [cell for cell in result.cells if is_infected(cell.label)]
        novel = [cell for cell in result.cells if cell.disagrees and not is_infected(cell.label)]
        self._red += sum(cell.box.kind == "rbc" for cell in result.cells)
        self._asked += sum(cell.novelty is not None for cell in result.cells)
        self._suspects.add([_suspect(result.name, frame, cell) for cell in infected])
        self._disputed.add([_disputed(result.name, frame, cell) for cell in novel])

    def render(self, slide: SlideReport) -> str:
        """The page."""
        environment = Environment(autoescape=True)
        template = files("edge").joinpath("templates/report.html").read_text(encoding="utf-8")
        return environment.from_string(template).render(
            slide=slide,
            fields=self._fields,
            suspects=self._suspects,
            disputed=self._disputed,
            red=self._red,
            asked=self._asked,
        )


def _suspect(name: str, frame: Frame, cell: CellCall) -> Suspect:
    stage = cell.label if cell.label in STAGES else ""
    return Suspect(name, cell.score or 0.0, *_views(frame, cell), _note(cell), stage)


def _disputed(name: str, frame: Frame, cell: CellCall) -> Suspect:
    note = "" if cell.counted else CUT
    return Suspect(name, cell.novelty or 0.0, *_views(frame, cell, of_novelty=True), note)


def _note(cell: CellCall) -> str:
    if cell.refused:
        return cell.refused
    notes = (SECOND_HEALTHY if cell.disagrees else "", "" if cell.counted else CUT)
    return "; ".join(note for note in notes if note)


def _views(frame: Frame, cell: CellCall, *, of_novelty: bool = False) -> tuple[str, str]:
    """Plain, and with the map of the network that suspects it."""
    box = (cell.box.left_px, cell.box.top_px, cell.box.width_px, cell.box.height_px)
    plain = cell_view(frame.image, *box)
    heat = plain
    if cell.cam is not None:
        heat = heat_view(frame.image, *box, cell.cam, of_novelty=of_novelty)
    return _data_uri(plain), _data_uri(heat)


def _thumbnail(image: U8Array) -> U8Array:
    height, width = image.shape[:2]
    size = (THUMBNAIL_WIDTH_PX, max(1, round(height * THUMBNAIL_WIDTH_PX / width)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _data_uri(image: U8Array) -> str:
    data = base64.b64encode(encode_image(image, ".jpg", quality=85)).decode()
    return f"data:image/jpeg;base64,{data}"
