"""Runs that hold out the same examples, as one ensemble: its figures and its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from train.ensemble import Ensemble, accuracy_when_kept, combine
from train.report import plots
from train.report.analysis import Analysis, analyse
from train.report.at_hand import Data
from train.report.table import Table, conformal_table, figures_table, value_text
from train.runs import Run


def combined(runs: Sequence[Run], data: Data, resamples: int) -> list[tuple[Ensemble, Analysis]]:
    """Runs by patient that hold out the same examples, combined; the mean logit is measured."""
    groups: dict[tuple[str, frozenset[str]], list[Run]] = {}
    for run in runs:
        # A run in context has the scores of another one, and novelty is no call: neither is a
        # member.
        derived = run.recipe.context or run.recipe.novelty
        if run.scores is not None and not run.leaks and not derived:
            key = (run.recipe.dataset, frozenset(run.scores.name.tolist()))
            groups.setdefault(key, []).append(run)
    return [_ensemble(group, data, resamples) for group in groups.values() if len(group) > 1]


def _ensemble(group: Sequence[Run], data: Data, resamples: int) -> tuple[Ensemble, Analysis]:
    first = group[0]
    ensemble = combine([run.scores for run in group if run.scores is not None])
    names = first.scores.name if first.scores is not None else ensemble.scores.name
    together = replace(
        first,
        name=" + ".join(run.name for run in group),
        scores=ensemble.scores,
        fold=first.fold[np.argsort(names)],
    )
    suspects = data.suspects(first.recipe.dataset)
    return ensemble, analyse(together, ensemble.scores, suspects, resamples)


def ensemble_section(ensemble: Ensemble, analysis: Analysis) -> dict[str, Any]:
    """What the template prints of one ensemble."""
    curves = {
        "predictive entropy": accuracy_when_kept(ensemble, ensemble.predictive_entropy),
        "mutual information": accuracy_when_kept(ensemble, ensemble.mutual_information),
    }
    kept = tuple(
        (f"{share:.0%}", f"{n:,}", value_text(accuracy), value_text(other[2]))
        for (share, n, accuracy), other in zip(*curves.values(), strict=True)
    )
    columns = ("kept", "examples", *(f"accuracy, by {name}" for name in curves))
    cleaned, labels = analysis.cleaned, analysis.run.labels
    return {
        "dataset": analysis.run.recipe.dataset,
        "members": analysis.run.name,
        "figures": figures_table(analysis.figures.overall, cleaned and cleaned.overall),
        "conformal": conformal_table(labels, analysis.conformal) if analysis.conformal else None,
        "conformal_note": analysis.conformal_note,
        "kept": Table(columns, kept, (0, 1, 2, 3)),
        "kept_plot": plots.kept_plot(curves),
        "disagreement": plots.disagreement_plot(ensemble),
    }
