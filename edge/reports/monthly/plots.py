"""Where the parts of a month's plots lie, in units of their view boxes. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.reports.monthly.counts import Day, Group

# A phone is as wide as that in the size of its letters.
WIDTH, HEIGHT = 400.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 26.0, 396.0, 8.0, 128.0
# Of the plot of shares.
ROW, NAME_WIDTH, TOLD_WIDTH = 22.0, 116.0, 60.0


@dataclass(frozen=True)
class Block:
    """A part of a bar; `tone` says of what it is."""

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
class BarPlot:
    """Bars that are parted into blocks, the first part at the bottom.

    Attributes:
        labels: below the bars.
        counts: beside them.
    """

    blocks: tuple[Block, ...]
    labels: tuple[Mark, ...]
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


def day_plot(days: Sequence[Day]) -> BarPlot:
    """Specimens by day: positive, negative, and open ones above."""
    bars = [
        (("positive", day.positive), ("negative", day.negative), ("open", day.open)) for day in days
    ]
    shown = [str(day.day) if day.day == 1 or day.day % 5 == 0 else "" for day in days]
    return bar_plot(bars, shown)


def bar_plot(bars: Sequence[Sequence[tuple[str, int]]], labels: Sequence[str]) -> BarPlot:
    """Bars from left to right.

    Args:
        bars: the parts of each from below, tone and count.
        labels: of each bar; an empty one is not shown.
    """
    most = max((sum(count for _, count in bar) for bar in bars), default=0)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10**6) if step * 5 >= most)
    top = step * max(-(-most // step), 1)
    slot, unit = (RIGHT - LEFT) / max(len(bars), 1), (BOTTOM - TOP) / top
    blocks = [
        block for number, bar in enumerate(bars) for block in _blocks(bar, number, slot, unit)
    ]
    middles = [
        Mark(round(LEFT + slot * (number + 0.5), 1), label)
        for number, label in enumerate(labels)
        if label
    ]
    counts = tuple(
        Mark(round(BOTTOM - count * unit, 1), str(count)) for count in range(0, top + 1, step)
    )
    return BarPlot(tuple(blocks), tuple(middles), counts)


def _blocks(
    bar: Sequence[tuple[str, int]], number: int, slot: float, unit: float
) -> Iterator[Block]:
    y, x = BOTTOM, LEFT + slot * number + 0.15 * slot
    for tone, count in bar:
        if count:
            y -= count * unit
            yield Block(
                tone, round(x, 1), round(y, 1), round(0.7 * slot, 1), round(count * unit, 1)
            )


def share_rows(groups: Sequence[Group]) -> tuple[ShareRow, ...]:
    """Positive shares of groups, one under the other."""
    rows = []
    for number, group in enumerate(groups):
        share = group.positive
        if share.share is None or share.low is None or share.high is None:
            continue
        y = ROW * (number + 0.5)
        told = f"{share.count} / {share.of}"
        estimate, low, high = (_place(value) for value in (share.share, share.low, share.high))
        rows.append(ShareRow(group.name, y, estimate, low, high, told))
    return tuple(rows)


def _place(share: float) -> float:
    return round(NAME_WIDTH + (RIGHT - TOLD_WIDTH - NAME_WIDTH) * share, 1)
