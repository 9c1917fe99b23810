"""Plots of a table: AUC against bytes and against time, and each layer's error.

Points carry the numbers of the table's rows; ours are filled, peers hollow, so that a black and
white print reads the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from compress.measure import VariantRow
from compress.tables import LayerErrors, VariantTable
from train.report.plots import plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a number may stand beside its point, in points; the first that is free is taken.
_PLACES = [(x, y) for reach in (9, 20, 30) for x, y in (
    (0, reach), (0, -reach), (reach, 0), (-reach, 0),
    (reach, reach), (-reach, reach), (reach, -reach), (-reach, -reach),
)]  # fmt: skip
_NEAR = 9.0
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "color": "0.4", "shrinkA": 0, "shrinkB": 1}
# Else rows that are all alike would be drawn as if they differed.
LEAST_AUC_ROOM = 0.0005
# A uniform error of one step has this standard deviation.
ROUNDING_STEPS = 12**-0.5


def auc_against_bytes(table: VariantTable) -> str:
    """AUC against the file's bytes."""
    return _tradeoff(table, "size of the file, kB", [row.bytes / 1000 for row in _rows(table)])


def auc_against_time(table: VariantTable) -> str:
    """AUC against the median time of one image at batch 1."""
    milliseconds = [row.batch_1.p50_ms for row in _rows(table)]
    return _tradeoff(table, "ms an image, batch 1, one thread", milliseconds)


def layer_bars(errors: LayerErrors) -> str:
    """One bar an operation, worst on top; the dashed line is what rounding alone gives."""
    height_in = 0.9 + 0.24 * len(errors.layers)
    with plot("error in steps of its own quantisation", "", 5.0, height_in) as drawn:
        axes, steps = drawn.axes, [layer.steps for layer in errors.layers]
        names = [f"{layer.layer}, {layer.kind.lower()}" for layer in errors.layers]
        axes.barh(range(len(names)), steps, color="0.55")
        axes.set_yticks(range(len(names)), names, fontsize=9)
        axes.axvline(ROUNDING_STEPS, color="k", linestyle="--", linewidth=0.9)
        axes.invert_yaxis()
    return drawn.uri


def front_of(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Indices of what nothing else beats in both, cheapest first: the Pareto front."""
    best, front = float("-inf"), []
    for index in sorted(range(len(costs)), key=lambda i: (costs[i], -gains[i])):
        if gains[index] > best:
            best = gains[index]
            front.append(index)
    return front


def _rows(table: VariantTable) -> tuple[VariantRow, ...]:
    return (*table.rows, *table.peers)


def _tradeoff(table: VariantTable, label: str, costs: Sequence[float]) -> str:
    gains, ours = [row.auc.value for row in _rows(table)], len(table.rows)
    front = front_of(costs, gains)
    with plot(label, "macro AUC" if len(table.labels) > 2 else "AUC", 5.0, 3.8) as drawn:
        axes = drawn.axes
        _log_axis(axes, min(costs), max(costs))
        axes.plot(
            [costs[i] for i in front],
            [gains[i] for i in front],
            drawstyle="steps-post",
            color="0.7",
            zorder=1,
            label="Pareto front",
        )
        axes.plot(costs[:ours], gains[:ours], "o", color="k", markersize=5, label="variants")
        if table.peers:
            axes.plot(costs[ours:], gains[ours:], "s", color="k", mfc="w", label="peers")
        room = max(0.18 * (max(gains) - min(gains)), LEAST_AUC_ROOM)
        axes.set_ylim(min(gains) - room, max(gains) + room)
        _number(axes, costs, gains)
        # Below the axes: no corner is free in every table.
        axes.figure.legend(loc="outside lower center", ncols=3)
    return drawn.uri


def _log_axis(axes: Axes, low: float, high: float) -> None:
    """A log axis from `low` to `high` and some; ticks are plain numbers, 1 2 5 a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    # Six times from end to end holds two ticks at least, however alike the values are.
    room = max(1.4, (6 * low / high) ** 0.5)
    axes.set_xlim(low / room, high * room)
    axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="x", labelsize=10)


def _number(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Numbers from 1 beside their points, where neither another number nor a point is."""
    figure: Any = axes.figure
    figure.draw_without_rendering()
    to_pt = 72 / figure.dpi
    taken = [axes.transData.transform(point) * to_pt for point in zip(x, y, strict=True)]
    points = list(taken)
    for number, (at, point) in enumerate(zip(points, zip(x, y, strict=True), strict=True), start=1):
        free = [
            place
            for place in _PLACES
            if all(abs(at + place - other).max() >= _NEAR for other in taken)
        ]
        place = (free or _PLACES)[0]
        taken.append(at + place)
        far = max(map(abs, place)) > 9
        axes.annotate(
            str(number),
            point,
            place,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=10,
            arrowprops=_LEADER if far else None,
        )


def front_plot(cost: str, gain: str, costs: Sequence[float], gains: Sequence[float]) -> str:
    """The front of a search, numbered as its table's rows."""
    with plot(cost, gain, 5.0, 3.8) as drawn:
        order = sorted(range(len(costs)), key=lambda index: costs[index])
        drawn.axes.plot(
            [costs[i] for i in order], [gains[i] for i in order], "o-", color="k", mfc="w"
        )
        drawn.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        drawn.axes.xaxis.get_major_locator().set_params(nbins=6)
        drawn.axes.margins(0.12, 0.18)
        _number(drawn.axes, costs, gains)
    return drawn.uri
