"""A month's summary as PDF, A4."""

from __future__ import annotations

from edge.reports.lines import NOTICE, moment
from edge.reports.monthly import plots
from edge.reports.monthly.counts import Group, Month
from edge.reports.monthly.lines import agreement_rows, count_rows
from edge.reports.paper import GAP_MM, INK, LINE, MARGIN_MM, SOFT, TONES, WIDTH_MM, Paper

_COLOURS = {"positive": TONES["positive"], "negative": TONES["negative"], "open": (160, 172, 176)}
_UNIT = WIDTH_MM / plots.WIDTH


def render_month(month: Month, made_utc: str) -> bytes:
    """The file."""
    paper = Paper(f"{NOTICE} Made {moment(made_utc)}")
    paper.set_title(f"ClinicScope {month.month}")
    paper.add_page()
    paper.write_text(f"Malaria screening, {month.month}", 16, bold=True)
    paper.write_text(f"{NOTICE} Months are in UTC; signed results alone count.", 8, colour=SOFT)
    top, half = paper.get_y() + 3, (WIDTH_MM - GAP_MM) / 2
    paper.set_xy(MARGIN_MM, top)
    paper.write_text("Count", 10, bold=True, width_mm=half)
    paper.write_rows(count_rows(month), half, 42)
    below = paper.get_y()
    paper.set_xy(MARGIN_MM + half + GAP_MM, top)
    paper.write_text("Machine and reader", 10, bold=True, width_mm=half)
    rows = agreement_rows(month) or (("No specimen", "was read by a person"),)
    paper.write_rows(rows, half, 48)
    paper.set_xy(MARGIN_MM, max(below, paper.get_y()))
    paper.write_heading("Specimens by day")
    _draw_days(paper, month)
    for title, groups in (("age", month.by_age), ("sex", month.by_sex), ("site", month.by_site)):
        if groups:
            paper.write_heading(f"Positive share by {title}, with 95 % intervals")
            _draw_shares(paper, groups)
    return bytes(paper.output())


def _draw_days(paper: Paper, month: Month) -> None:
    found, left, top = plots.day_plot(month.days), MARGIN_MM, paper.get_y()
    for mark in found.counts:
        paper.set_draw_color(*LINE)
        paper.set_line_width(0.15)
        y = top + mark.at * _UNIT
        paper.line(left + plots.LEFT * _UNIT, y, left + plots.RIGHT * _UNIT, y)
        paper.set_xy(left, y - 1.6)
        width = (plots.LEFT - 4) * _UNIT
        paper.write_text(mark.text, 6.5, colour=SOFT, width_mm=width, align="R")
    for block in found.blocks:
        paper.set_fill_color(*_COLOURS[block.tone])
        place = (left + block.x * _UNIT, top + block.y * _UNIT)
        paper.rect(*place, block.width * _UNIT, block.height * _UNIT, style="F")
    for mark in found.days:
        paper.set_xy(left + mark.at * _UNIT - 4, top + (plots.BOTTOM + 4) * _UNIT)
        paper.write_text(mark.text, 6.5, colour=SOFT, width_mm=8, align="C")
    paper.set_xy(left, top + plots.HEIGHT * _UNIT)
    paper.write_text("From below: positive, negative, no answer or not signed.", 7, colour=SOFT)


def _draw_shares(paper: Paper, groups: tuple[Group, ...]) -> None:
    for row in plots.share_rows(groups):
        if paper.will_page_break(plots.ROW * _UNIT):
            paper.add_page()
        y = paper.get_y() + plots.ROW * _UNIT / 2
        paper.set_draw_color(*INK)
        paper.set_line_width(0.4)
        paper.line(MARGIN_MM + row.low * _UNIT, y, MARGIN_MM + row.high * _UNIT, y)
        paper.set_fill_color(*INK)
        paper.circle(MARGIN_MM + row.estimate * _UNIT, y, 1.1, style="F")
        paper.set_xy(MARGIN_MM, y - 1.8)
        width = (plots.NAME_WIDTH - 6) * _UNIT
        paper.write_text(row.name[:40], 7.5, width_mm=width)
        paper.set_xy(MARGIN_MM + (plots.RIGHT - plots.TOLD_WIDTH + 8) * _UNIT, y - 1.8)
        paper.write_text(row.told, 7.5, colour=SOFT)
        paper.set_xy(MARGIN_MM, y + plots.ROW * _UNIT / 2)
