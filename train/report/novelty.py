"""One HTML page of the studies of novelty, with their curves over the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.novelty.curves import sweep
from train.novelty.study import at_threshold
from train.novelty.systems import System
from train.report.page import write_page
from train.report.plots import STYLES, plot
from train.report.studies import table_of
from train.studies import Study

# False alarms beyond are no use on a slide of thousands of healthy cells.
_MOST_FALSE_ALARM, _POINTS = 0.2, 200


def write_novelty_page(
    path: Path, systems: Sequence[System], studies: Sequence[Study], false_alarm: float
) -> Path:
    """Tables, and for each system precision, recall and F1 over the threshold."""
    return write_page(
        path,
        "novelty.html",
        studies=[(study, table_of(study)) for study in studies],
        curves=[(system.name, _threshold_plot(system, false_alarm)) for system in systems],
        recall=_recall_plot(systems, false_alarm),
        false_alarm=f"{false_alarm:.0%}",
    )


def _threshold_plot(system: System, false_alarm: float) -> str:
    """Precision, recall and F1 on held-out patients; the upright line is the dynamic threshold."""
    home, _ = at_threshold(system, false_alarm)
    curve = sweep(home)
    low, high = np.percentile(home.score, (1, 99))
    rows = np.unique(np.searchsorted(curve.threshold, np.linspace(low, high, _POINTS)))
    rows = rows[rows < len(curve.threshold)]
    with plot("score above the dynamic threshold", "share") as drawn:
        x = curve.threshold[rows]
        drawn.axes.plot(x, curve.precision[rows], "-", color="k", label="precision")
        drawn.axes.plot(x, curve.recall[rows], "--", color="k", label="recall")
        drawn.axes.plot(x, curve.f1[rows], ":", color="k", label="F1")
        drawn.axes.axvline(0, color="0.6", linewidth=0.8)
        drawn.axes.set_ylim(0, 1.02)
        drawn.axes.legend(loc="lower left")
    return drawn.uri


def _recall_plot(systems: Sequence[System], false_alarm: float) -> str:
    """Recall against false alarms, a line a system."""
    with plot("false alarms, share of healthy cells", "recall", 6.0, 4.4) as drawn:
        for index, system in enumerate(systems):
            curve = sweep(at_threshold(system, false_alarm)[0])
            kept = curve.false_alarm <= _MOST_FALSE_ALARM
            x, y = curve.false_alarm[kept], curve.recall[kept]
            rows = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
            shade = "k" if index < len(STYLES) else "0.55"
            style = STYLES[index % len(STYLES)]
            drawn.axes.plot(x[rows], y[rows], linestyle=style, color=shade, label=system.name)
        drawn.axes.set_ylim(0, 1.02)
        drawn.axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return drawn.uri
