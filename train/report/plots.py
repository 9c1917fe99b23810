"""Plots that survive a black-and-white printer: line styles and markers, not colour, tell apart.

Each is about 4 inches wide with 11.5 pt text, so that two a row on paper still read at 9 pt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.types import BoolArray, F64Array
from train.calibrate import Reliability
from train.ensemble import Ensemble
from train.patients import Patients
from train.report.page import figure_uri, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.", (0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "x", "+", "*")
SHADES = ("#000000", "#666666", "#999999", "#333333")
_STYLE = {
    "font.size": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.4,
}
# More points than a reader could see would make the file large.
_MAX_POINTS = 300


class Plot:
    """One pair of axes while it is drawn, and its data address afterwards."""

    axes: Axes
    uri: str = ""


@contextmanager
def plot(x: str, y: str, width_in: float = 4.0, height_in: float = 3.3) -> Iterator[Plot]:
    """Axes with these labels; after the block, `uri` is the drawing."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        figure = new_figure(width_in, height_in)
        drawn = Plot()
        drawn.axes = figure.add_subplot()
        drawn.axes.set_xlabel(x)
        drawn.axes.set_ylabel(y)
        yield drawn
        drawn.uri = figure_uri(figure)


def learning_curve(logs: Sequence[list[dict[str, float]]], column: str, label: str) -> str:
    """One line a fold: the training column solid, `validation_` of it dashed; "" without any."""
    with plot("epoch", label) as drawn:
        lines = 0
        for key, style in ((column, "-"), (f"validation_{column}", "--")):
            for index, log in enumerate(logs):
                points = [(row["epoch"], row.get(key, np.nan)) for row in log]
                values = np.array(points, float).reshape(-1, 2)
                if not np.isfinite(values[:, 1]).any():
                    continue
                lines += 1
                kind = "validation" if style == "--" else "training"
                marker = "o" if len(points) == 1 else ""
                first = None if index else kind
                drawn.axes.plot(*values.T, style, color="k", marker=marker, label=first)
        drawn.axes.xaxis.get_major_locator().set_params(integer=True)
        if lines:
            drawn.axes.legend()
    return drawn.uri if lines else ""


def confusion_matrix(truth: np.ndarray, called: np.ndarray, labels: Sequence[str]) -> str:
    """Counts, shaded by the share of each true label."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth, called), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with plot("called", "true") as drawn:
        drawn.axes.imshow(share, cmap="Greys", vmin=0, vmax=1.3)
        for row, column in np.ndindex(*counts.shape):
            shade = "white" if share[row, column] > 0.6 else "black"
            text = f"{counts[row, column]}\n{share[row, column]:.1%}"
            drawn.axes.text(column, row, text, ha="center", va="center", color=shade)
        drawn.axes.set_xticks(range(len(labels)), labels, rotation=20, ha="right")
        drawn.axes.set_yticks(range(len(labels)), labels)
        drawn.axes.spines[:].set_visible(False)
    return drawn.uri


def roc_curve(probability: F64Array, labels: np.ndarray, names: Sequence[str]) -> str:
    """Sensitivity against 1 - specificity; a line a class for K > 2, else the corner enlarged."""
    with plot("1 - specificity", "sensitivity") as drawn:
        for index, (name, score, positive) in enumerate(
            _one_against_rest(probability, labels, names)
        ):
            tp, fp = _cumulated(score, positive)
            x, y = _thinned(fp / fp[-1], tp / tp[-1])
            drawn.axes.plot(x, y, linestyle=STYLES[index], color=SHADES[index % 4], label=name)
            if len(names) == 2 and y[x <= 0.1].max() > 0.93:
                _enlarge_corner(drawn.axes, x, y)
        drawn.axes.plot([0, 1], [0, 1], color="0.75", linewidth=0.8)
        _unit(drawn.axes, len(names) > 2)
    return drawn.uri


def _enlarge_corner(axes: Axes, x: F64Array, y: F64Array) -> None:
    """Where good classifiers differ: specificity from .9, sensitivity from .9."""
    corner = axes.inset_axes((0.42, 0.36, 0.54, 0.46))
    corner.plot(x, y, color="k")
    corner.set_xlim(0, 0.1)
    corner.set_ylim(0.9, 1)
    corner.grid(color="0.85")
    corner.set_xticks([0, 0.03, 0.05, 0.1], ["0", ".03", ".05", ".1"])
    corner.set_yticks([0.9, 0.95, 1.0], [".9", ".95", "1"])


def pr_curve(probability: F64Array, labels: np.ndarray, names: Sequence[str]) -> str:
    """Precision against recall; a line a class where there are more than two."""
    with plot("recall (sensitivity)", "precision") as drawn:
        for index, (name, score, positive) in enumerate(
            _one_against_rest(probability, labels, names)
        ):
            tp, fp = _cumulated(score, positive)
            x, y = _thinned(tp[1:] / tp[-1], tp[1:] / (tp + fp)[1:])
            drawn.axes.plot(x, y, linestyle=STYLES[index], color=SHADES[index % 4], label=name)
        _unit(drawn.axes, len(names) > 2)
    return drawn.uri


def reliability_curves(before: Reliability, after: Reliability) -> str:
    """Share that came true against confidence, before and after the temperature."""
    with plot("mean confidence of the bin", "share that is so") as drawn:
        drawn.axes.plot([0, 1], [0, 1], color="0.75", linewidth=0.8)
        for curve, marker, style, name in (
            (before, "o", "--", "as the network gives it"),
            (after, "s", "-", "after temperature"),
        ):
            drawn.axes.plot(
                curve.confidence, curve.rate, style, marker=marker, color="k", mfc="w", label=name
            )
        _unit(drawn.axes, True)
    return drawn.uri


def patient_plot(patients: Patients) -> str:
    """Each patient's accuracy, sorted; infected ones filled. For more classes: all alike."""
    order = np.argsort(patients.accuracy, kind="stable")
    with plot("patients, sorted", "accuracy within the patient") as drawn:
        place = np.arange(len(order))
        kinds: list[tuple[BoolArray, str, str, str]] = [
            (np.ones(len(order), bool), "s", "none", "patient")
        ]
        if patients.n_classes == 2:
            sick = patients.infected[order]
            kinds = [(sick, "o", "k", "has a positive"), (~sick, "s", "w", "has none")]
        for rows, marker, fill, name in kinds:
            drawn.axes.plot(
                place[rows],
                patients.accuracy[order][rows],
                marker,
                color="k",
                mfc=fill,
                markersize=4,
                markeredgewidth=0.7,
                label=name,
            )
        drawn.axes.legend(loc="lower right")
    return drawn.uri


def kept_plot(curves: dict[str, list[tuple[float, int, float]]]) -> str:
    """Accuracy of what is left when the most uncertain go to a person."""
    with plot("share that is not sent to a person", "accuracy of the rest") as drawn:
        for index, (name, points) in enumerate(curves.items()):
            values = np.array([(share, accuracy) for share, _, accuracy in points])
            drawn.axes.plot(
                *values.T,
                linestyle=STYLES[index],
                marker=MARKERS[index],
                color="k",
                mfc="w",
                label=name,
            )
        drawn.axes.invert_xaxis()
        drawn.axes.legend()
    return drawn.uri


def disagreement_plot(ensemble: Ensemble) -> str:
    """How far members disagree on right and on wrong calls: cumulated shares."""
    right = ensemble.mean_probability.argmax(axis=1) == ensemble.scores.label
    with plot("mutual information of the members, nats", "share of calls below it") as drawn:
        for rows, style, name in ((right, "-", "right calls"), (~right, "--", "wrong calls")):
            if rows.any():
                values = np.sort(ensemble.mutual_information[rows])
                share = np.arange(1, len(values) + 1) / len(values)
                drawn.axes.plot(*_thinned(values, share), style, color="k", label=name)
        drawn.axes.set_ylim(0, 1.02)
        drawn.axes.legend(loc="lower right")
    return drawn.uri


def _one_against_rest(
    probability: F64Array, labels: np.ndarray, names: Sequence[str]
) -> list[tuple[str, F64Array, BoolArray]]:
    classes = [1] if len(names) == 2 else range(len(names))
    return [(names[k], probability[:, k], labels == k) for k in classes]


def _cumulated(score: F64Array, positive: BoolArray) -> tuple[F64Array, F64Array]:
    """True and false positives at each distinct threshold, from none called to all."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    tp = np.cumsum(positive[order])[ends].astype(float)
    return np.append(0, tp), np.append(0, ends + 1 - tp)


def _thinned(x: F64Array, y: F64Array) -> tuple[F64Array, F64Array]:
    """Points along the curve's length, so that its steep part keeps its shape."""
    if len(x) <= _MAX_POINTS:
        return x, y
    length = np.append(0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
    rows = np.unique(np.searchsorted(length, np.linspace(0, length[-1], _MAX_POINTS)))
    rows = np.unique(np.append(np.minimum(rows, len(x) - 1), len(x) - 1))
    return x[rows], y[rows]


def _unit(axes: Any, legend: bool) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    if legend:
        axes.legend()
