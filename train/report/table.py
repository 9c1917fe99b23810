"""Figures as text, and tables that the template prints as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train.bootstrap import Figure
from train.conformal import Conformal

NAMES = {
    "auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "sensitivity_at_95": "sensitivity at 95 % specificity",
    "sensitivity_at_97": "sensitivity at 97 % specificity",
    "sensitivity_at_99": "sensitivity at 99 % specificity",
    "sensitivity_cell": "sensitivity (recall), per cell or image",
    "specificity_cell": "specificity, per cell or image",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
    "ece": "ECE, 15 bins of equal mass",
    "macro_auc": "macro ROC-AUC, one against the rest",
    "macro_pr_auc": "macro PR-AUC, one against the rest",
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "accuracy_mean": "accuracy, each patient counted once",
    "accuracy_worst_10": "accuracy that a tenth of the patients falls below",
    "patient_auc": "infected or not: ROC-AUC of the called fraction",
    "patient_accuracy": "infected or not: accuracy",
    "patient_sensitivity": "infected or not: sensitivity",
    "patient_specificity": "infected or not: specificity",
}


@dataclass(frozen=True)
class Table:
    """Cells as text; columns named in `numeric` are set to the right, those in `code` as code."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    note: str = ""
    code: tuple[int, ...] = ()


def name_of(key: str) -> str:
    """What a reader calls the figure."""
    return NAMES.get(key, key.replace("_", " "))


def value_text(value: float, digits: int = 4) -> str:
    """Without the leading zero, as the field prints it; a dash for what is undefined."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def interval_text(figure: Figure) -> str:
    """`.9871 to .9902`."""
    return f"{value_text(figure.ci_low)} to {value_text(figure.ci_high)}"


def with_interval(figure: Figure | None) -> str:
    """`.9886 (.9871 to .9902)`; blank where there is none."""
    return f"{value_text(figure.value)} ({interval_text(figure)})" if figure else ""


def figures_table(raw: Mapping[str, Figure], cleaned: Mapping[str, Figure] | None = None) -> Table:
    """One row a figure: raw labels first, then without suspects where that was measured."""
    columns = ["figure", "raw labels", "95 % interval"]
    columns += ["without suspects", "95 % interval"] if cleaned else []
    rows = []
    for key, figure in raw.items():
        row = [name_of(key), value_text(figure.value), interval_text(figure)]
        other = (cleaned or {}).get(key)
        if other:
            row += [value_text(other.value), interval_text(other)]
        rows.append((*row, figure.note))
    return _without_empty_notes(columns, rows)


def class_table(labels: Sequence[str], per_class: Sequence[Mapping[str, Figure]]) -> Table:
    """Precision, recall, F1 and AUC of each class, and what the intervals rest on."""
    columns = ["label", "examples", "patients", "precision", "recall", "F1", "AUC against the rest"]
    rows = [
        (
            label,
            str(found["recall"].n),
            str(found["recall"].n_groups),
            *(with_interval(found[key]) for key in ("precision", "recall", "f1", "auc")),
            found["recall"].note,
        )
        for label, found in zip(labels, per_class, strict=True)
    ]
    return _without_empty_notes(columns, rows)


def conformal_table(labels: Sequence[str], rows: Sequence[Conformal]) -> Table:
    """Promised error, coverage kept for each class, the share that goes to a person."""
    columns = ("promised error", *(f"covered, {label}" for label in labels))
    return Table(
        (*columns, "to a person", "accuracy of the rest"),
        tuple(
            (
                f"{row.error_rate:.0%}",
                *(with_interval(figure) for figure in row.coverage),
                with_interval(row.uncertain),
                with_interval(row.accuracy_certain),
            )
            for row in rows
        ),
        tuple(range(len(labels) + 3)),
    )


def _without_empty_notes(columns: list[str], rows: list[tuple[str, ...]]) -> Table:
    numeric = tuple(range(1, len(columns)))
    if any(row[-1] for row in rows):
        return Table((*columns, "read with care"), tuple(rows), numeric)
    return Table(tuple(columns), tuple(row[:-1] for row in rows), numeric)
