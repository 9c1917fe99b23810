"""Where the parts of the plots of weeks lie, in the boxes of `edge.reports.monthly.plots`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from edge.reports.monthly.plots import BarPlot, bar_plot
from edge.statistics.counts import Week

# So many labels find room below the bars.
_MOST_LABELS = 6


def outcome_plot(weeks: Sequence[Week], label: Callable[[date], str]) -> BarPlot:
    """Specimens by week: positive, negative, and open ones above.

    Args:
        weeks: in order.
        label: words of a Monday, short.
    """
    bars = [
        (
            ("positive", week.all.positive),
            ("negative", week.all.negative),
            ("open", week.all.open),
        )
        for week in weeks
    ]
    return bar_plot(bars, _labels(weeks, label))


def age_plot(weeks: Sequence[Week], label: Callable[[date], str]) -> BarPlot:
    """Positive specimens by week, parted by age band, the youngest at the bottom.

    The tones are "age-0", "age-1", ... in the order of the bands.
    """
    bars = [
        [(f"age-{number}", one.positive) for number, one in enumerate(week.by_age.values())]
        for week in weeks
    ]
    return bar_plot(bars, _labels(weeks, label))


def _labels(weeks: Sequence[Week], label: Callable[[date], str]) -> list[str]:
    """Of the newest and of as many before it as find room, evenly apart."""
    step = -(-len(weeks) // _MOST_LABELS) or 1
    last = len(weeks) - 1
    return [
        label(week.monday) if (last - number) % step == 0 else ""
        for number, week in enumerate(weeks)
    ]
