"""The table of `bench fields`: each figure beside what it is to reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge.contract.labels import STAGES
from train.bootstrap import Figure


@dataclass(frozen=True)
class Target:
    """What a figure is to reach: at least, at most, or within the value of zero."""

    value: float
    kind: str = "at least"

    def met(self, value: float) -> bool:
        """Whether a figure reaches it; one that is unknown does not."""
        if math.isnan(value):
            return False
        if self.kind == "within":
            return abs(value) <= self.value
        return value >= self.value if self.kind == "at least" else value <= self.value

    def __str__(self) -> str:
        sign = {"at least": ">=", "at most": "<=", "within": "+-"}[self.kind]
        return f"{sign} {_number(self.value)}"


@dataclass(frozen=True)
class Row:
    """One figure; `target` is None where it only explains another."""

    what: str
    figure: Figure
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else self.target.met(self.figure.value)


@dataclass(frozen=True)
class Section:
    """Figures that belong together, and how they were counted."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)


# key -> (words, target); a figure without a line here is not printed.
Lines = Mapping[str, tuple[str, Target | None]]
_AT_LEAST, _AT_MOST, _WITHIN = "at least", "at most", "within"

FINDING: Lines = {
    "refused": ("fields refused", None),
    "recall": ("cells found: recall at IoU .5", Target(0.96)),
    "precision": ("cells found: precision at IoU .5", Target(0.95)),
    "recall_read": ("recall, refused fields left out", None),
    "precision_where_boxed": ("the same, where true cells carry boxes", None),
    "recall_strict": ("the same, nothing left out: recall", None),
    "precision_strict": ("the same, nothing left out: precision", None),
    "count_error_median": ("count error a field, median", Target(0.03, _AT_MOST)),
    "count_error_mean": ("count error a field, mean", None),
    "labelled": ("fields whose cells carry labels", None),
    "precision_labelled": ("in these: precision", None),
    "recall_labelled": ("in these: recall", None),
    "count_error_median_labelled": ("in these: count error a field, median", None),
}
_ELSEWHERE = Target(0.05, _AT_MOST)
FINDING_ELSEWHERE: Lines = {
    **FINDING,
    "recall": ("cells found: recall", None),
    "precision": ("cells found: precision", None),
    "count_error_median": ("count error a field, median", _ELSEWHERE),
    "count_error_median_labelled": ("in these: count error a field, median", _ELSEWHERE),
}
OBJECTS: Lines = {
    "wbc_recall": ("white cells found", Target(0.95)),
    "wbc_precision": ("white cells found: precision", None),
    "platelet_recall": ("platelets found", None),
}
CALLING: Lines = {
    "infected_f1": ("infected cells: F1", Target(0.85)),
    "infected_precision": ("infected cells: precision", None),
    "infected_recall": ("infected cells: recall", None),
    "fields_caught": ("infected fields caught", Target(0.95)),
    "clean_flagged": ("clean fields flagged", Target(0.08, _AT_MOST)),
    "parasitaemia_r": ("parasitaemia a block against truth: r", Target(0.98)),
    "parasitaemia_bias_points": ("the same: bias, percentage points", Target(0.2, _WITHIN)),
}
STAGE_LINES: Lines = {
    "macro_recall": ("stages: macro recall, of cells found and called", Target(0.75)),
    "macro_recall_of_all": ("stages: macro recall, of all infected cells", None),
    **{
        f"recall_{stage}": (f"{stage}: recall, of cells found and called", None) for stage in STAGES
    },
}
FALSE_CALLS: Lines = {
    "false_calls_per_1000": ("false positive calls per 1,000 cells", Target(5, _AT_MOST)),
    "clean_flagged": ("fields with a false call", None),
}
CELLS: Lines = {
    "auc": ("cells found: AUC", Target(0.975)),
    "sensitivity": ("sensitivity at the fixed threshold", Target(0.85)),
    "specificity": ("specificity at the fixed threshold", Target(0.98)),
    "sensitivity_of_all": ("sensitivity, cells that were not found among them", None),
}
CELLS_KNOWN: Lines = {key: (words, None) for key, (words, _) in CELLS.items()}


def rows_of(figures: Mapping[str, Figure], lines: Lines) -> tuple[Row, ...]:
    """The figures that `lines` knows, in its order."""
    return tuple(Row(words, figures[key], target) for key, (words, target) in lines.items())


def sections_to_json(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Plain values; what is unknown is null."""
    return [
        {
            "title": section.title,
            "notes": list(section.notes),
            "rows": [
                {
                    "what": row.what,
                    **{k: _known(v) for k, v in vars(row.figure).items()},
                    "target": None if row.target is None else str(row.target),
                    "met": row.met,
                }
                for row in section.rows
            ],
        }
        for section in sections
    ]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def print_sections(sections: Sequence[Section]) -> str:
    """The table as text."""
    out = []
    for section in sections:
        out += ["", section.title, f"  {'':52} {'figure':>8}  {'95 % interval':17} {'target':>9}"]
        out += [_line(row) for row in section.rows]
        out += [f"  {note}" for note in section.notes]
    return "\n".join(out).lstrip("\n")


def _line(row: Row) -> str:
    figure, mark = row.figure, {True: "met", False: "NOT MET", None: ""}[row.met]
    known = not math.isnan(figure.ci_low)
    interval = f"{_number(figure.ci_low)} to {_number(figure.ci_high)}" if known else ""
    target = "" if row.target is None else str(row.target)
    text = f"  {row.what:52} {_number(figure.value):>8}  {interval:17} {target:>9} {mark}"
    resting = f"  n {figure.n:,} of {figure.n_groups}" if known else ""
    return f"{text}{resting}".rstrip()


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.3g}"
