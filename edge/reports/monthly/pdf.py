"""A month's summary as PDF, A4."""

from __future__ import annotations

from collections.abc import Callable

from edge.language import ENGLISH, mark, translate
from edge.reports.lines import NOTICE, moment, not_reviewed
from edge.reports.monthly import plots
from edge.reports.monthly.counts import Group, Month
from edge.reports.monthly.lines import agreement_rows, count_rows, month_words, named
from edge.reports.paper import (
    CENTRE,
    GAP_MM,
    INK,
    LEFT,
    LINE,
    MARGIN_MM,
    RIGHT,
    SOFT,
    TONES,
    WIDTH_MM,
    Paper,
)

_COLOURS = {"positive": TONES["positive"], "negative": TONES["negative"], "open": (160, 172, 176)}
_UNIT = WIDTH_MM / plots.WIDTH
_SHARES: tuple[tuple[str, Callable[[Month], tuple[Group, ...]]], ...] = (
    (mark("Positive share by age, with 95 percent intervals"), lambda month: month.by_age),
    (mark("Positive share by sex, with 95 percent intervals"), lambda month: month.by_sex),
    (mark("Positive share by site, with 95 percent intervals"), lambda month: month.by_site),
)


def render_month(month: Month, made_utc: str, language: str = ENGLISH) -> bytes:
    """The file, in a language."""

    def say(text: str, **values: object) -> str:
        return translate(text, language, **values)

    made = say("Made %(time)s", time=moment(made_utc, language))
    paper = Paper(f"{say(NOTICE)} {made}", language)
    paper.set_title(f"ClinicScope {month.month}")
    paper.add_page()
    title = say("Malaria screening, %(month)s", month=month_words(month.month, language))
    paper.write_text(title, 16, bold=True)
    how = say("Months are in UTC; signed results alone count.")
    paper.write_text(f"{say(NOTICE)} {how}", 8, colour=SOFT)
    top, half = paper.get_y() + 3, (WIDTH_MM - GAP_MM) / 2
    columns = (MARGIN_MM, MARGIN_MM + half + GAP_MM)
    first, second = reversed(columns) if paper.mirrored else columns
    paper.set_xy(first, top)
    paper.write_text(say("Count"), 10, bold=True, width_mm=half)
    paper.write_rows(count_rows(month, language), half, 42)
    below = paper.get_y()
    paper.set_xy(second, top)
    paper.write_text(say("Machine and reader"), 10, bold=True, width_mm=half)
    rows = agreement_rows(month, language)
    if rows:
        paper.write_rows(rows, half, 48)
    else:
        paper.write_text(say("No specimen was read by a person."), 8, width_mm=half)
    paper.set_xy(MARGIN_MM, max(below, paper.get_y()))
    paper.write_heading(say("Specimens by day"))
    _draw_days(paper, month, say("From below: positive, negative, no answer or not signed."))
    for title, groups in _SHARES:
        if found := groups(month):
            paper.write_heading(say(title))
            _draw_shares(paper, named(found, language))
    if unread := not_reviewed(language):
        paper.write_text(unread, 7, colour=SOFT)
    return bytes(paper.output())


def _draw_days(paper: Paper, month: Month, told: str) -> None:
    found, left, top = plots.day_plot(month.days), MARGIN_MM, paper.get_y()
    for label in found.counts:
        paper.set_draw_color(*LINE)
        paper.set_line_width(0.15)
        y = top + label.at * _UNIT
        paper.line(left + plots.LEFT * _UNIT, y, left + plots.RIGHT * _UNIT, y)
        paper.set_xy(left, y - 1.6)
        width = (plots.LEFT - 4) * _UNIT
        paper.write_text(label.text, 6.5, colour=SOFT, width_mm=width, align=RIGHT)
    for block in found.blocks:
        paper.set_fill_color(*_COLOURS[block.tone])
        place = (left + block.x * _UNIT, top + block.y * _UNIT)
        paper.rect(*place, block.width * _UNIT, block.height * _UNIT, style="F")
    for label in found.labels:
        paper.set_xy(left + label.at * _UNIT - 4, top + (plots.BOTTOM + 4) * _UNIT)
        paper.write_text(label.text, 6.5, colour=SOFT, width_mm=8, align=CENTRE)
    paper.set_xy(left, top + plots.HEIGHT * _UNIT)
    paper.write_text(told, 7, colour=SOFT)


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
        paper.write_text(row.name[:40], 7.5, width_mm=width, align=LEFT)
        paper.set_xy(MARGIN_MM + (plots.RIGHT - plots.TOLD_WIDTH + 8) * _UNIT, y - 1.8)
        paper.write_text(row.told, 7.5, colour=SOFT, align=LEFT)
        paper.set_xy(MARGIN_MM, y + plots.ROW * _UNIT / 2)
