"""What a search leaves in its folder: the front as tables and plots, and every trial."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.report.fronts import Front
from compress.search.front import COLUMNS, NOTE, Trial
from edge.contract.errors import DataError
from edge.contract.records import to_plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
_MARKERS = ("o", "s", "^", "D", "v")


def write_front(
    out: Path, title: str, command: str, front: Sequence[Trial], trials: Sequence[Trial]
) -> None:
    """Writes `front.json`, `.csv`, `.md`, `.svg`, `.png` and `trials.csv`, each whole.

    Raises:
        DataError: the folder cannot be written.
    """
    record = Front(
        title, command, COLUMNS, tuple(t.cells for t in front), cost="bytes", gain="AUC", note=NOTE
    )
    files = {
        "front.json": (json.dumps(to_plain(record), indent=1) + "\n").encode(),
        "front.csv": _csv(front),
        "front.md": _markdown(record).encode(),
        "trials.csv": _csv(trials),
    }
    files |= {f"front.{kind}": _plot(title, front, trials, kind) for kind in ("svg", "png")}
    try:
        for name, content in files.items():
            partial = out / f"{name}.part"
            partial.write_bytes(content)
            partial.replace(out / name)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error}; free some space") from error


def _csv(trials: Sequence[Trial]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "settings", "why not finished"])
    for trial in trials:
        writer.writerow([*trial.cells, trial.settings, trial.outcome.reason])
    return text.getvalue().encode()


def _markdown(front: Front) -> str:
    rows = [front.columns, ("---",) * len(front.columns), *front.rows]
    table = "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
    return f"# {front.title}\n\n{table}\n\n{front.note}\n\n`{front.command}`\n"


def _plot(title: str, front: Sequence[Trial], trials: Sequence[Trial], kind: str) -> bytes:
    """AUC over bytes and over predicted ms; what the front holds is black, the rest grey."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE | {"svg.hashsalt": "front"}):
        figure = Figure(figsize=(9, 4), layout="constrained")
        figure.suptitle(title)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, label, index in zip(panels, ("bytes", "ms (predicted)"), (0, 1), strict=True):
            _panel(axes, index, front, trials)
            axes.set_xlabel(label)
        panels[0].set_ylabel("AUC, validation patients")
        panels[0].legend(frameon=False)
        buffer = io.BytesIO()
        figure.savefig(
            buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {}
        )
    return buffer.getvalue()


def _panel(axes: Axes, cost: int, front: Sequence[Trial], trials: Sequence[Trial]) -> None:
    finished = [trial for trial in trials if trial.outcome.auc is not None]
    for place, bits in enumerate(sorted({trial.outcome.candidate.bits for trial in finished})):
        for chosen, colour in ((finished, "0.7"), (front, "k")):
            own = [trial.outcome for trial in chosen if trial.outcome.candidate.bits == bits]
            axes.plot(
                [one.costs[cost] for one in own],
                [one.auc for one in own],
                _MARKERS[place % len(_MARKERS)],
                color=colour,
                label=bits if colour == "k" else None,
            )
