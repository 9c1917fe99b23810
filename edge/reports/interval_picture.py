"""Where the parts of the small interval picture lie, in units of its view box. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, LEFT, RIGHT = 320, 14, 296
# End of the axis, fraction, and into how many steps of round numbers it is cut. The shortest axis
# that leaves room beyond the interval is taken.
_AXES = ((0.005, 5), (0.01, 5), (0.02, 4), (0.05, 5), (0.1, 5), (0.2, 4), (0.5, 5), (1.0, 4))


@dataclass(frozen=True)
class Tick:
    """A mark of the axis: its place and its label."""

    x: float
    label: str


@dataclass(frozen=True)
class IntervalChart:
    """Places along the axis of the estimate's bar and its whiskers."""

    start: float
    estimate: float
    low: float
    high: float
    ticks: tuple[Tick, ...]

    @property
    def end(self) -> float:
        """The axis' right end."""
        return self.ticks[-1].x


def interval_chart(
    estimate: float | None, low: float | None, high: float | None
) -> IntervalChart | None:
    """The picture of a fraction with its 95 % interval; None where there is nothing to draw."""
    if estimate is None or low is None or high is None:
        return None
    end, steps = next((axis for axis in _AXES if axis[0] >= 1.1 * high), _AXES[-1])

    def place(fraction: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * min(fraction / end, 1.0), 1)

    marks = [end * step / steps for step in range(steps + 1)]
    ticks = tuple(Tick(place(mark), f"{100 * mark:.4g}") for mark in marks)
    return IntervalChart(place(0), place(estimate), place(low), place(high), ticks)
