"""Where the parts of a month's plots lie, in units of their view boxes. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.reports.monthly.counts import Day, Group

# A phone is as wide as that in the size of its letters.
WIDTH, HEIGHT = 400.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 26.0, 396.0, 8.0, 128.0
# Of the plot of shares.
ROW, NAME_WIDTH, TOLD_WIDTH = 22.0, 116.0, 60.0


@dataclass(frozen=True)
class Block:
    """A part of a day's bar. `tone` is "positive", "negative" or "open"."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """A label at a place of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class DayPlot:
    """Bars of specimens by day, positive at the bottom."""

    blocks: tuple[Block, ...]
    days: tuple[Mark, ...]
    counts: tuple[Mark, ...]


@dataclass(frozen=True)
class ShareRow:
    """A share with its interval along an axis from 0 to 100 %."""

    name: str
    y: float
    estimate: float
    low: float
    high: float
    told: str


def day_plot(days: Sequence[Day]) -> DayPlot:
    """Specimens by day."""
    most = max((day.positive + day.negative + day.open for day in days), default=0)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10**6) if step * 5 >= most)
    top = step * max(-(-most // step), 1)
    slot, unit = (RIGHT - LEFT) / max(len(days), 1), (BOTTOM - TOP) / top
    blocks: list[Block] = []
    for number, day in enumerate(days):
        y, x = BOTTOM, LEFT + slot * number + 0.15 * slot
        for tone, count in (
            ("positive", day.positive),
            ("negative", day.negative),
            ("open", day.open),
        ):
            if count:
                y -= count * unit
                blocks.append(
                    Block(
                        tone, round(x, 1), round(y, 1), round(0.7 * slot, 1), round(count * unit, 1)
                    )
                )
    middles = [Mark(round(LEFT + slot * (day.day - 0.5), 1), str(day.day)) for day in days]
    shown = tuple(mark for mark in middles if int(mark.text) == 1 or int(mark.text) % 5 == 0)
    counts = tuple(
        Mark(round(BOTTOM - count * unit, 1), str(count)) for count in range(0, top + 1, step)
    )
    return DayPlot(tuple(blocks), shown, counts)


def share_rows(groups: Sequence[Group]) -> tuple[ShareRow, ...]:
    """Positive shares of groups, one under the other."""
    rows = []
    for number, group in enumerate(groups):
        share = group.positive
        if share.share is None or share.low is None or share.high is None:
            continue
        y = ROW * (number + 0.5)
        told = f"{share.count} of {share.of}"
        estimate, low, high = (_place(value) for value in (share.share, share.low, share.high))
        rows.append(ShareRow(group.name, y, estimate, low, high, told))
    return tuple(rows)


def _place(share: float) -> float:
    return round(NAME_WIDTH + (RIGHT - TOLD_WIDTH - NAME_WIDTH) * share, 1)
