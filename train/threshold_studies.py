"""The two tables of `train travel-threshold`: reading both networks' logits, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from train.bootstrap import Figure
from train.runs import fold_folders, read_fold
from train.score import score
from train.scores import Scores, read_npz_scores, write_scores
from train.threshold_travel import (
    Logits,
    Rule,
    auc_of,
    both,
    classifier_alone,
    draw_sites,
    median_to_home,
    reference_at_home,
    thin,
    threshold_of,
    travel_of,
    upper_to_home,
)

RULES: dict[str, Rule] = {
    "classifier alone": classifier_alone,
    "slide's median brought to home": median_to_home,
    "slide's upper quantile brought to home": upper_to_home,
    "with half the novelty logit": both(0.5),
    "with the novelty logit": both(1.0),
}
PARTS = ("choosing", "reporting")
THRESHOLD_COLUMNS = (
    "rule", "specificity at home", "half", "AUC", "from", "to",
    "sensitivity", "from", "to", "specificity", "from", "to",
)  # fmt: skip
SITE_COLUMNS = (
    "rule", "specificity at home", "fold", "shift, median", "5 %", "95 %",
    "sensitivity before", "after, mean", "5 %", "95 %",
    "specificity before", "after, mean", "5 %", "95 %",
)  # fmt: skip
# Where the cells of a field are called: few false alarms, since few cells are infected.
SITE_SPECIFICITIES = (0.98, 0.995)
# Resamples of a curve over 15,000 cells and five networks: enough for three digits, in a minute.
_CURVES = 200


def read_both(
    classifier: Path, novelty: Path, dataset: str, kept: Path, *, data: Path | None = None
) -> tuple[list[Logits], list[Logits]]:
    """Home (the held-out cells of the other folds) and away, of each fold.

    Args:
        kept: folder in which the logits of away are kept between calls.

    Raises:
        DataError: a fold has no held-out scores, or the two runs held out other cells.
    """
    folders = list(zip(fold_folders(classifier), fold_folders(novelty), strict=True))
    held = [_joined(*(_held_out(folder) for folder in pair)) for pair in folders]
    away = [
        _joined(*(_kept_scores(folder, dataset, kept, data) for folder in pair)) for pair in folders
    ]
    return [_concatenate(held[:k] + held[k + 1 :]) for k in range(len(held))], away


def _held_out(folder: Path) -> Scores:
    scores = read_fold(folder).scores
    if scores is None:
        raise DataError(f"{folder} has no held_out.npz; let its fit finish first")
    return scores


def _kept_scores(folder: Path, dataset: str, kept: Path, data: Path | None) -> Scores:
    path = kept / f"{folder.resolve().parent.name}.{folder.name}.{dataset}.npz"
    if not path.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        write_scores(path, score(folder, dataset, data=data, cache=kept / "cache"))
    return read_npz_scores(path)


def _joined(classifier: Scores, novelty: Scores) -> Logits:
    if not np.array_equal(classifier.name, novelty.name):
        raise DataError(
            f"the two runs scored other cells: {len(classifier.name)} and {len(novelty.name)}; "
            "both must be fitted on the same folds of one data set"
        )
    return Logits(
        classifier.logit.astype(np.float64),
        novelty.logit.astype(np.float64),
        classifier.label > 0,
        classifier.patient,
    )


def _concatenate(parts: Sequence[Logits]) -> Logits:
    return Logits(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0]))
    )


def threshold_rows(
    home: Sequence[Logits], away: Sequence[Logits], specificities: Sequence[float]
) -> list[tuple[Any, ...]]:
    """A row for each rule, specificity at home and half of the slides."""
    slides = np.unique(away[0].group)
    home = [thin(cells) for cells in home]
    rows = []
    for name, rule in RULES.items():
        for at, half in enumerate(PARTS):
            mine = np.isin(away[0].group, slides[at::2])
            part = [cells.take(mine) for cells in away]
            auc = _plain(auc_of(rule, home, part, resamples=_CURVES), 4)
            for specificity in specificities:
                found = travel_of(rule, home, part, specificity)
                rates = (*_plain(found.sensitivity, 3), *_plain(found.specificity, 4))
                rows.append((name, specificity, half, *auc, *rates))
    return rows


def _plain(figure: Figure, digits: int) -> tuple[float, float, float]:
    value, low, high = (
        round(float(x), digits) for x in (figure.value, figure.ci_low, figure.ci_high)
    )
    return value, low, high


def site_rows(home: Sequence[Logits], away: Sequence[Logits]) -> list[tuple[Any, ...]]:
    """A row for each fold, specificity at home, and the classifier alone or with the other."""
    rows = []
    for name in ("classifier alone", "with the novelty logit"):
        rule = RULES[name]
        for specificity in SITE_SPECIFICITIES:
            for fold, (near, far) in enumerate(zip(home, away, strict=True)):
                reference = reference_at_home(rule(near, near), near.positive, near.group)
                threshold = threshold_of(rule, near, specificity)
                drawn = draw_sites(rule(far, near), far.positive, far.group, threshold, reference)
                low, middle, high = np.quantile(drawn.shift, (0.05, 0.5, 0.95)).round(2).tolist()
                rows.append(
                    (name, specificity, fold, middle, low, high,
                     *_before_after(drawn.sensitivity_before, drawn.sensitivity_after, 3),
                     *_before_after(drawn.specificity_before, drawn.specificity_after, 4))
                )  # fmt: skip
    return rows


def _before_after(before: np.ndarray, after: np.ndarray, digits: int) -> tuple[float, ...]:
    values = (before.mean(), after.mean(), *np.quantile(after, (0.05, 0.95)))
    return tuple(round(float(value), digits) for value in values)
