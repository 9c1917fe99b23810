"""Plots of enhancers: gains with their intervals, image by image, and against time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.report.plots import STYLES, plot
from train.report.superres_tables import gain_figure, has_inside
from train.superres.measured import BASE, Measured
from train.superres.networks import INTERPOLATIONS
from train.superres.speed import Speed

# What is asked of a light enhancer: no longer than so many resizes, and so much better.
TARGET_RATIO, TARGET_GAIN_DB = 5, 1
_SIZE_IN = (4.6, 4.4)
_POINTS = 60
# Interpolation but for the yardstick; Pillow's would only fill the plots.
_INTERPOLATION_SHOWN = "lanczos"
_SHADES = ("0", "0.45")


def gains_plot(found: Measured, order: Sequence[str]) -> str:
    """Decibels over bicubic of each system with 95 % intervals, whole crop and inside."""
    shown = [name for name in order if name in found.values and name != BASE][::-1]
    kinds = [("whole", "o", "k", 0.12)]
    if has_inside(found):
        kinds.append(("inside", "s", "w", -0.12))
    with plot("dB over bicubic", "", 4.6, 1.3 + 0.32 * len(shown)) as drawn:
        for place, marker, fill, shift in kinds:
            for row, name in enumerate(shown):
                figure = gain_figure(found, name, place)
                if figure is None:
                    continue
                label = {"whole": "whole crop", "inside": "inside the cell"}[place]
                drawn.axes.hlines(row + shift, figure.ci_low, figure.ci_high, color="0.5")
                drawn.axes.plot(
                    figure.value,
                    row + shift,
                    marker,
                    color="k",
                    mfc=fill,
                    markersize=6,
                    label="" if row else label,
                )
        drawn.axes.axvline(0, color="0.7", linewidth=0.8)
        drawn.axes.set_yticks(range(len(shown)), shown)
        drawn.axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return drawn.uri


def image_plot(found: Measured, order: Sequence[str], place: str) -> str:
    """Decibels over bicubic of each image, from the one that loses most; a line a system."""
    with plot("share of the images", "dB over bicubic", *_SIZE_IN) as drawn:
        drawn.axes.axhline(0, color="0.7", linewidth=0.8)
        shown = [name for name in order if name in found.values and _is_drawn(name)]
        for index, name in enumerate(shown):
            gains = found.gain(name, place, "psnr_rgb")
            gains = np.sort(gains[np.isfinite(gains)])
            share = np.linspace(0, 1, min(_POINTS, len(gains)))
            drawn.axes.plot(
                share,
                np.quantile(gains, share),
                linestyle=STYLES[index % len(STYLES)],
                color=_SHADES[index % len(_SHADES)],
                label=name,
            )
        drawn.axes.set_xlim(0, 1)
        _legend_below(drawn.axes)
    return drawn.uri


def speed_plot(speed: Speed, inside: bool) -> str:
    """Decibels over bicubic against time, logarithmic, numbered as the table's rows.

    Broken lines are what is asked for.
    """
    with plot("time, in bicubic resizes", "dB over bicubic", *_SIZE_IN) as drawn:
        drawn.axes.set_xscale("log")
        drawn.axes.axvline(TARGET_RATIO, color="0.6", linestyle="--", linewidth=0.8)
        drawn.axes.axhline(TARGET_GAIN_DB, color="0.6", linestyle="--", linewidth=0.8)
        for number, row in enumerate(speed.systems, start=1):
            place = (row.ratio, row.psnr_gain_inside_db if inside else row.psnr_gain_db)
            is_int8 = row.format.endswith("int8")
            drawn.axes.plot(*place, "o" if is_int8 else "s", color="k", mfc="k" if is_int8 else "w")
            drawn.axes.annotate(str(number), place, (4, 4), textcoords="offset points")
        _plain_ticks(drawn.axes)
    return drawn.uri


def _legend_below(axes: Any) -> None:
    """Where a phone's width leaves it readable."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2, fontsize=9.5)


def _is_drawn(name: str) -> bool:
    return name not in INTERPOLATIONS or name == _INTERPOLATION_SHOWN


def _plain_ticks(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
