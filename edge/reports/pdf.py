"""A specimen's report as PDF, A4; one page unless someone wrote long reasons."""

from __future__ import annotations

import io

from edge.language import ENGLISH
from edge.reports.content import SpecimenContent
from edge.reports.interval_picture import IntervalChart
from edge.reports.lines import Lines, caption, lines_of, shown
from edge.reports.paper import (
    CENTRE,
    END,
    GAP_MM,
    INK,
    LABEL_MM,
    MARGIN_MM,
    SOFT,
    TONES,
    WIDTH_MM,
    Paper,
    printable,
)
from edge.store.records import CHEST_XRAY

_BRAND_PALE = (176, 211, 209)


def render_pdf(content: SpecimenContent, language: str = ENGLISH) -> bytes:
    """The file, in a language."""
    lines = lines_of(content, language)
    paper = Paper(f"{lines.notice} {lines.made}", language, content.specimen.specimen_id)
    paper.set_title(printable(f"{content.specimen.label}: {lines.title}"))
    paper.set_creator("ClinicScope")
    paper.add_page()
    _head(paper, lines)
    _verdict(paper, lines)
    _two_columns(paper, lines, content.chart)
    if lines.persons:
        paper.write_heading(lines.say("Read by persons"))
        paper.write_rows(lines.persons, WIDTH_MM, LABEL_MM + 14)
    if content.specimen.task == CHEST_XRAY:
        _radiographs(paper, lines, content)
    else:
        _cells(paper, lines, content)
    _signature(paper, lines)
    paper.write_heading(lines.say("What ran"))
    paper.write_rows(lines.ran, WIDTH_MM)
    paper.set_xy(MARGIN_MM, paper.get_y() + 1)
    for sentence in lines.assumptions:
        paper.write_text(sentence, 7, colour=SOFT)
    if lines.unread:
        paper.write_text(lines.unread, 7, colour=SOFT)
    return bytes(paper.output())


def _head(paper: Paper, lines: Lines) -> None:
    top = paper.get_y()
    paper.write_text(f"ClinicScope · {lines.words.kind}", 10, bold=True)
    below = paper.get_y()
    paper.set_xy(MARGIN_MM, top)
    paper.write_text(lines.state, 11, bold=True, align=END)
    paper.set_xy(MARGIN_MM, below + 0.5)
    paper.write_text(lines.notice, 8, colour=SOFT)


def _verdict(paper: Paper, lines: Lines) -> None:
    tone, top = TONES[lines.tone], paper.get_y() + 2
    left, width = MARGIN_MM + (3 if paper.mirrored else 5), WIDTH_MM - 8
    paper.set_xy(left, top + 2.5)
    paper.write_text(lines.title, 16, bold=True, colour=tone, width_mm=width)
    paper.set_y(paper.get_y() + 1)
    paper.set_x(left)
    paper.write_text(lines.why, 9, width_mm=width)
    if lines.advice:
        paper.write_text(lines.advice, 9, bold=True, width_mm=width)
    end = paper.get_y() + 2.5
    if end > top:  # A reason of a page's length goes on without its frame.
        paper.set_draw_color(*tone)
        paper.set_fill_color(*tone)
        paper.set_line_width(0.5)
        paper.rect(MARGIN_MM, top, WIDTH_MM, end - top)
        edge = MARGIN_MM + WIDTH_MM - 2.2 if paper.mirrored else MARGIN_MM
        paper.rect(edge, top, 2.2, end - top, style="F")
    paper.set_xy(MARGIN_MM, end)


def _two_columns(paper: Paper, lines: Lines, chart: IntervalChart | None) -> None:
    half, top = (WIDTH_MM - GAP_MM) / 2, paper.get_y()
    columns = (MARGIN_MM, MARGIN_MM + half + GAP_MM)
    first, second = reversed(columns) if paper.mirrored else columns
    paper.set_xy(first, top + 3)
    paper.write_text(lines.say("Specimen"), 10, bold=True, width_mm=half)
    paper.write_rows(lines.specimen, half, 26)
    below = paper.get_y()
    paper.set_xy(second, top + 3)
    paper.write_text(lines.words.counts, 10, bold=True, width_mm=half)
    paper.write_rows(lines.counts, half)
    if chart:
        _interval(paper, lines, chart, half)
    paper.set_xy(MARGIN_MM, max(below, paper.get_y()))


def _interval(paper: Paper, lines: Lines, chart: IntervalChart, width_mm: float) -> None:
    """The picture is drawn in units of its 320 x 58 box."""
    left, top, unit = paper.get_x(), paper.get_y() + 1.5, width_mm / 320

    def line(x1: float, y1: float, x2: float, y2: float) -> None:
        paper.line(left + x1 * unit, top + y1 * unit, left + x2 * unit, top + y2 * unit)

    paper.set_fill_color(*_BRAND_PALE)
    bar_mm = (chart.estimate - chart.start) * unit
    paper.rect(left + chart.start * unit, top + 11 * unit, bar_mm, 20 * unit, style="F")
    paper.set_draw_color(*SOFT)
    paper.set_line_width(0.2)
    line(chart.start, 36, chart.end, 36)
    for tick in chart.ticks:
        line(tick.x, 36, tick.x, 40)
        paper.set_xy(left + tick.x * unit - 8, top + 42 * unit)
        last = " %" if tick is chart.ticks[-1] else ""
        paper.write_text(f"{tick.label}{last}", 6.5, colour=SOFT, width_mm=16, align=CENTRE)
    paper.set_draw_color(*INK)
    paper.set_line_width(0.5)
    line(chart.low, 21, chart.high, 21)
    line(chart.low, 14, chart.low, 28)
    line(chart.high, 14, chart.high, 28)
    paper.set_fill_color(*INK)
    paper.circle(left + chart.estimate * unit, top + 21 * unit, 1.1, style="F")
    paper.set_xy(left, top + 56 * unit)
    told = lines.say("Parasitaemia with its 95 percent interval")
    paper.write_text(told, 6.5, colour=SOFT, width_mm=width_mm)


def _cells(paper: Paper, lines: Lines, content: SpecimenContent) -> None:
    if not content.pictures:
        return
    side, gap = 26.0, 6.0
    if paper.get_y() + 2 * side + 30 > paper.page_break_trigger:
        paper.add_page()
    paper.write_heading(lines.words.pictures)
    paper.write_text(f"{shown(content, lines)} {lines.words.pictures_note}", 7, colour=SOFT)
    top = below = paper.get_y() + 1
    for number, picture in enumerate(content.pictures):
        left = MARGIN_MM + number * (side + gap)
        paper.image(io.BytesIO(picture.plain), left, top, side, side)
        if picture.heat is not None:
            paper.image(io.BytesIO(picture.heat), left, top + side + 1, side, side)
        paper.set_xy(left, top + 2 * side + 2)
        device, said = caption(picture, lines.words, lines.language)
        paper.write_text(said[:60], 6.5, bold=True, width_mm=side)
        paper.write_text(device, 6, colour=SOFT, width_mm=side)
        below = max(below, paper.get_y())
    paper.set_xy(MARGIN_MM, below)


def _radiographs(paper: Paper, lines: Lines, content: SpecimenContent) -> None:
    """Each with its map beside it, four views a row."""
    if not content.pictures:
        return
    side, gap = 44.0, 3.3
    paper.write_heading(lines.words.pictures)
    paper.write_text(lines.words.pictures_note, 7, colour=SOFT)
    for row in (content.pictures[:2], content.pictures[2:]):
        if not row:
            break
        if paper.get_y() + side + 20 > paper.page_break_trigger:
            paper.add_page()
        top = below = paper.get_y() + 1
        for number, picture in enumerate(row):
            left = MARGIN_MM + 2 * number * (side + gap)
            for place, view in enumerate((picture.plain, picture.heat)):
                if view is not None:
                    at = left + place * (side + gap)
                    paper.image(io.BytesIO(view), at, top, side, side, keep_aspect_ratio=True)
            paper.set_xy(left, top + side + 1)
            device, said = caption(picture, lines.words, lines.language)
            paper.write_text(said[:60], 7.5, bold=True, width_mm=2 * side)
            paper.write_text(device, 6.5, colour=SOFT, width_mm=2 * side)
            below = max(below, paper.get_y())
        paper.set_xy(MARGIN_MM, below)


def _signature(paper: Paper, lines: Lines) -> None:
    paper.set_draw_color(*INK)
    paper.set_line_width(0.4)
    top = paper.get_y() + 3
    paper.line(MARGIN_MM, top, MARGIN_MM + WIDTH_MM, top)
    paper.set_xy(MARGIN_MM, top + 1.5)
    paper.write_text(lines.signature, 10, bold=True)
    for version in lines.versions:
        paper.write_text(version, 7, colour=SOFT)
