"""A specimen's report as PDF, A4; one page unless someone wrote long reasons."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from edge.reports.content import SpecimenContent
from edge.reports.interval_picture import IntervalChart
from edge.reports.lines import NOTICE, Lines, Row, caption, lines_of

_FONT = "DejaVu"
_FACES = (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"))
_MARGIN_MM, _WIDTH_MM, _GAP_MM = 12.0, 186.0, 8.0
_INK, _SOFT, _LINE = (18, 38, 43), (81, 102, 108), (200, 212, 214)
_BRAND_PALE = (176, 211, 209)
_TONES = {"positive": (179, 32, 31), "negative": (13, 107, 69), "unsure": (138, 83, 0)}
_LABEL_MM = 34.0


class _Paper(FPDF):
    """A page that says on each sheet what it is, and of which specimen."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.set_margin(_MARGIN_MM)
        self.c_margin = 0  # text begins where lines and pictures do
        self.set_auto_page_break(True, margin=16)
        for style, name in _FACES:
            with as_file(files("edge.reports") / "fonts" / name) as path:
                self.add_font(_FONT, style, path)

    def footer(self) -> None:
        """The notice; fpdf2 calls it at the end of each page."""
        self.set_y(-12)
        self.write_text(f"{self._foot} · page {self.page_no()}", 6.5, colour=_SOFT)

    def write_text(
        self,
        text: str,
        size_pt: float,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = _INK,
        width_mm: float = 0,
        align: str = "L",
    ) -> None:
        """A paragraph at the place where the pen is; the pen goes below it, to the same edge."""
        self.set_font(_FONT, "B" if bold else "", size_pt)
        self.set_text_color(*colour)
        self.multi_cell(
            width_mm, size_pt * 0.46, printable(text), align=align, new_x=XPos.LEFT, new_y=YPos.NEXT
        )


def render_pdf(content: SpecimenContent) -> bytes:
    """The file."""
    # fpdf2 warns of each sign that the font lacks; it is then drawn as a box.
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    lines = lines_of(content)
    paper = _Paper(f"{NOTICE} Specimen {content.specimen.specimen_id}. {lines.made}")
    paper.set_title(printable(f"{content.specimen.label}: {lines.title}"))
    paper.set_creator("ClinicScope")
    paper.add_page()
    _head(paper, lines)
    _verdict(paper, lines)
    _two_columns(paper, lines, content.chart)
    if lines.persons:
        _heading(paper, "Read by persons")
        _rows(paper, lines.persons, _WIDTH_MM, _LABEL_MM + 14)
    _cells(paper, content)
    _signature(paper, lines)
    _heading(paper, "What ran")
    _rows(paper, lines.ran, _WIDTH_MM)
    paper.set_xy(_MARGIN_MM, paper.get_y() + 1)
    for sentence in lines.assumptions:
        paper.write_text(sentence, 7, colour=_SOFT)
    return bytes(paper.output())


def printable(text: str) -> str:
    """Text without what no font has: half of a pair of code units, and control characters."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in whole)


def _head(paper: _Paper, lines: Lines) -> None:
    top = paper.get_y()
    paper.write_text("ClinicScope · malaria smear report", 10, bold=True)
    below = paper.get_y()
    paper.set_xy(_MARGIN_MM, top)
    paper.write_text(lines.state, 11, bold=True, align="R")
    paper.set_xy(_MARGIN_MM, below + 0.5)
    paper.write_text(NOTICE, 8, colour=_SOFT)


def _verdict(paper: _Paper, lines: Lines) -> None:
    tone, top = _TONES[lines.tone], paper.get_y() + 2
    paper.set_xy(_MARGIN_MM + 5, top + 2.5)
    width = _WIDTH_MM - 8
    paper.write_text(lines.title, 16, bold=True, colour=tone, width_mm=width)
    paper.set_y(paper.get_y() + 1)
    paper.set_x(_MARGIN_MM + 5)
    paper.write_text(lines.why, 9, width_mm=width)
    if lines.advice:
        paper.write_text(lines.advice, 9, bold=True, width_mm=width)
    end = paper.get_y() + 2.5
    if end > top:  # A reason of a page's length goes on without its frame.
        paper.set_draw_color(*tone)
        paper.set_fill_color(*tone)
        paper.set_line_width(0.5)
        paper.rect(_MARGIN_MM, top, _WIDTH_MM, end - top)
        paper.rect(_MARGIN_MM, top, 2.2, end - top, style="F")
    paper.set_xy(_MARGIN_MM, end)


def _heading(paper: _Paper, text: str) -> None:
    paper.set_xy(_MARGIN_MM, paper.get_y() + 3)
    paper.write_text(text, 10, bold=True)


def _rows(paper: _Paper, rows: Sequence[Row], width_mm: float, label_mm: float = _LABEL_MM) -> None:
    left = paper.get_x()
    paper.set_line_width(0.15)
    for name, value in rows:
        paper.set_x(left)
        paper.set_draw_color(*_LINE)
        top, page = paper.get_y() + 0.6, paper.page_no()
        paper.line(left, top, left + width_mm, top)
        paper.set_xy(left, top + 0.6)
        paper.write_text(name, 8, colour=_SOFT, width_mm=label_mm)
        below = paper.get_y()
        paper.set_xy(left + label_mm, top + 0.6 if paper.page_no() == page else _MARGIN_MM)
        paper.write_text(value, 8, width_mm=width_mm - label_mm)
        paper.set_xy(left, max(below, paper.get_y()) if paper.page_no() == page else paper.get_y())


def _two_columns(paper: _Paper, lines: Lines, chart: IntervalChart | None) -> None:
    half, top = (_WIDTH_MM - _GAP_MM) / 2, paper.get_y()
    _heading(paper, "Specimen")
    _rows(paper, lines.specimen, half, 26)
    below = paper.get_y()
    paper.set_xy(_MARGIN_MM + half + _GAP_MM, top + 3)
    paper.write_text("Count", 10, bold=True, width_mm=half)
    _rows(paper, lines.counts, half)
    if chart:
        _interval(paper, chart, half)
    paper.set_xy(_MARGIN_MM, max(below, paper.get_y()))


def _interval(paper: _Paper, chart: IntervalChart, width_mm: float) -> None:
    """The picture is drawn in units of its 320 x 58 box."""
    left, top, unit = paper.get_x(), paper.get_y() + 1.5, width_mm / 320

    def line(x1: float, y1: float, x2: float, y2: float) -> None:
        paper.line(left + x1 * unit, top + y1 * unit, left + x2 * unit, top + y2 * unit)

    paper.set_fill_color(*_BRAND_PALE)
    bar_mm = (chart.estimate - chart.start) * unit
    paper.rect(left + chart.start * unit, top + 11 * unit, bar_mm, 20 * unit, style="F")
    paper.set_draw_color(*_SOFT)
    paper.set_line_width(0.2)
    line(chart.start, 36, chart.end, 36)
    for tick in chart.ticks:
        line(tick.x, 36, tick.x, 40)
        paper.set_xy(left + tick.x * unit - 8, top + 42 * unit)
        last = " %" if tick is chart.ticks[-1] else ""
        paper.write_text(f"{tick.label}{last}", 6.5, colour=_SOFT, width_mm=16, align="C")
    paper.set_draw_color(*_INK)
    paper.set_line_width(0.5)
    line(chart.low, 21, chart.high, 21)
    line(chart.low, 14, chart.low, 28)
    line(chart.high, 14, chart.high, 28)
    paper.set_fill_color(*_INK)
    paper.circle(left + chart.estimate * unit, top + 21 * unit, 1.1, style="F")
    paper.set_xy(left, top + 56 * unit)
    paper.write_text("Parasitaemia with its 95 % interval", 6.5, colour=_SOFT, width_mm=width_mm)


def _cells(paper: _Paper, content: SpecimenContent) -> None:
    if not content.pictures:
        return
    side, gap = 26.0, 6.0
    if paper.get_y() + 2 * side + 30 > paper.page_break_trigger:
        paper.add_page()
    _heading(paper, "Suspect cells")
    told = f"{len(content.pictures)} of {len(content.found.cells)}; below each, what in it spoke "
    paper.write_text(f"{told}for an infection.", 7, colour=_SOFT)
    top = below = paper.get_y() + 1
    for number, picture in enumerate(content.pictures):
        left = _MARGIN_MM + number * (side + gap)
        paper.image(io.BytesIO(picture.plain), left, top, side, side)
        if picture.heat is not None:
            paper.image(io.BytesIO(picture.heat), left, top + side + 1, side, side)
        paper.set_xy(left, top + 2 * side + 2)
        device, said = caption(picture)
        paper.write_text(said[:60], 6.5, bold=True, width_mm=side + 3)
        paper.write_text(device, 6, colour=_SOFT, width_mm=side + 3)
        below = max(below, paper.get_y())
    paper.set_xy(_MARGIN_MM, below)


def _signature(paper: _Paper, lines: Lines) -> None:
    paper.set_draw_color(*_INK)
    paper.set_line_width(0.4)
    top = paper.get_y() + 3
    paper.line(_MARGIN_MM, top, _MARGIN_MM + _WIDTH_MM, top)
    paper.set_xy(_MARGIN_MM, top + 1.5)
    paper.write_text(lines.signature, 10, bold=True)
    for version in lines.versions:
        paper.write_text(version, 7, colour=_SOFT)
