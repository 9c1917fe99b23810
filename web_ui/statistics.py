"""What the site's specimens come to over weeks: found, refused, machine against reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.dates import format_date
from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from edge.contract.errors import DataError
from edge.figures import locale_of
from edge.reports.monthly import plots as boxes
from edge.reports.monthly.counts import Group
from edge.statistics.counts import Counts, sites
from edge.statistics.plots import age_plot, outcome_plot
from edge.statistics.wanted import Wanted, latest
from edge.store.records import MALARIA
from web_ui.context import context
from web_ui.group_words import AGE_WORDS, SEX_WORDS, TASK_WORDS
from web_ui.language import current_language, said
from web_ui.language import gettext as _

blueprint = Blueprint("statistics", __name__, url_prefix="/statistics")

# Weeks that one tap chooses.
SPANS = (4, 12, 52)
# Letters of a month that find room below a bar.
_SHORT_MONTH = 4


@dataclass(frozen=True)
class Asked:
    """What the page was asked for.

    Attributes:
        values: the text of each input, to be shown again.
        wanted: None where that is nothing.
        problem: why; empty otherwise.
    """

    values: dict[str, str]
    wanted: Wanted | None
    problem: str = ""


@blueprint.get("")
def show() -> Response:
    """The figures of a span; of the last weeks where none is asked for."""
    store = context().store
    asked = read_asked(request.args, date.fromisoformat(store.now()[:10]))
    found: dict[str, Any] = {}
    if asked.wanted is not None:
        found = _figures(asked.wanted)
    page = render_template(
        "statistics.html",
        asked=asked,
        sites=[(site, site) for site in sites(store)],
        tasks=TASK_WORDS,
        ages=AGE_WORDS,
        sexes=SEX_WORDS,
        spans=_spans(date.fromisoformat(store.now()[:10])),
        boxes=boxes,
        **found,
    )
    return make_response(page, 422 if asked.problem else 200)


def read_asked(args: Mapping[str, str], today: date) -> Asked:
    """Checks what is asked for; what is left out is the usual."""
    first, last = latest(today)
    values = {"from": first.isoformat(), "to": last.isoformat(), "task": MALARIA}
    values |= {"site": "", "age_band": "", "sex": ""}
    values = {name: args.get(name, "").strip() or usual for name, usual in values.items()}
    try:
        first, last = (date.fromisoformat(values[name]) for name in ("from", "to"))
    except ValueError:
        return Asked(values, None, _("Write the days as 2026-11-21."))
    rest = {name: values[name] for name in ("task", "site", "age_band", "sex")}
    try:
        return Asked(values, Wanted(first, last, **rest))
    except DataError as error:
        return Asked(values, None, said(f"{error}."))


def _figures(wanted: Wanted) -> dict[str, Any]:
    here = context()
    counts, (agreement, by_month) = here.figures.of(here.store, wanted, here.service.protocol)
    return {
        "counts": counts,
        "outcomes": outcome_plot(counts.weeks, short_day),
        "ages_plot": age_plot(counts.weeks, short_day),
        "age_shares": boxes.share_rows(age_groups(counts)),
        "agreement": agreement,
        "by_month": by_month,
    }


def age_groups(counts: Counts) -> list[Group]:
    """Age bands that have a signed answer."""
    groups = [Group(str(AGE_WORDS[age]), one.share) for age, one in counts.by_age.items()]
    return [group for group in groups if group.positive.of]


def short_day(day: date) -> str:
    """A day as it stands below a bar; in figures where the language's months are long."""
    locale = locale_of(current_language())
    longest = max(len(name) for name in locale.months["format"]["abbreviated"].values())
    return str(format_date(day, "d MMM" if longest <= _SHORT_MONTH else "d/M", locale=locale))


def _spans(today: date) -> dict[int, tuple[str, str]]:
    spans = {weeks: latest(today, weeks) for weeks in SPANS}
    return {weeks: (first.isoformat(), last.isoformat()) for weeks, (first, last) in spans.items()}
