"""How the interval narrows as cells are counted, as a picture: where its parts lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.screening.state import IntervalPoint

WIDTH, HEIGHT = 320, 132
LEFT, RIGHT, TOP, BOTTOM = 50, 308, 10, 108
# Ends of the axis, fractions; what lies above is cut off: the first intervals say nearly nothing.
_ENDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_ROOM = 1.6


@dataclass(frozen=True)
class Narrowing:
    """In units of the view box; times run to the right, parasitaemia upwards.

    Attributes:
        band: an SVG path between the ends of all intervals so far.
        x: of what has been counted; `goal_x` of what the protocol asks for.
        low_y: of the interval now; `high_y` of its upper end.
        top: the fraction at the top of the axis.
    """

    band: str
    x: float
    goal_x: float
    low_y: float
    high_y: float
    top: float


def narrowing(points: Sequence[IntervalPoint], minimum_rbc_count: int) -> Narrowing | None:
    """The picture; None while nothing has been counted."""
    if not points:
        return None
    now = points[-1]
    top = next((end for end in _ENDS if end >= _ROOM * now.high), _ENDS[-1])
    most = max(minimum_rbc_count, now.rbc_count)

    def x(point: IntervalPoint) -> float:
        return _along(point.rbc_count / most)

    upper = [f"{x(point)} {_up(point.high / top)}" for point in points]
    lower = [f"{x(point)} {_up(point.low / top)}" for point in reversed(points)]
    return Narrowing(
        f"M{'L'.join(upper + lower)}Z",
        x(now),
        _along(minimum_rbc_count / most),
        _up(now.low / top),
        _up(now.high / top),
        top,
    )


def _along(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * share, 1)


def _up(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * min(share, 1.0), 1)
