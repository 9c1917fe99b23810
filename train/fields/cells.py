"""Figures a cell: stages, areas under curves, and false calls. Pure; intervals over blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.labels import STAGES
from train.bootstrap import Figure, curve_rows
from train.fields.callers import Calls, Field
from train.fields.tallies import Tallies


def stage_figures(fields: Sequence[Field], calls: Sequence[Calls]) -> dict[str, Figure]:
    """Recall of each stage and their mean: of infected cells found and called, and `_of_all`."""
    rows = [_stage_row(one, said) for one, said in zip(fields, calls, strict=True)]
    tallies = Tallies.of(rows, [one.truth.group for one in fields])
    figures = {}
    for of, name in (("called", ""), ("true", "_of_all")):
        parts = []
        for stage in STAGES:
            with np.errstate(divide="ignore", invalid="ignore"):
                parts.append(tallies.drawn(f"right {stage}") / tallies.drawn(f"{of} {stage}"))
            n = tallies.total(f"{of} {stage}")
            figures[f"recall_{stage}{name}"] = tallies.figure(parts[-1], n)
        n = sum(tallies.total(f"{of} {stage}") for stage in STAGES)
        figures[f"macro_recall{name}"] = tallies.figure(np.mean(parts, axis=0), n)
    return figures


def _stage_row(one: Field, said: Calls) -> dict[str, float]:
    rows, row = one.fair.hits, {}
    called = said.infected[rows[:, 1]]
    for index, stage in enumerate(STAGES):
        is_stage = one.truth.labels == stage
        found = is_stage[rows[:, 0]] & called
        row[f"true {stage}"] = int((is_stage & one.fair.true_counts).sum())
        row[f"called {stage}"] = int(found.sum())
        row[f"right {stage}"] = int((found & (said.stage[rows[:, 1]] == index)).sum())
    return row


def false_call_figures(fields: Sequence[Field], calls: Sequence[Calls]) -> dict[str, Figure]:
    """Calls of infected cells in blood that has none, per 1,000 cells that are counted."""
    rows = [
        {
            "counted": int(one.reading.counted.sum()),
            "calls": int((one.reading.counted & said.infected).sum()),
            "fields": 1.0,
            "flagged": float((one.reading.counted & said.infected).any()),
        }
        for one, said in zip(fields, calls, strict=True)
    ]
    tallies = Tallies.of(rows, [one.truth.group for one in fields])
    return {
        "false_calls_per_1000": tallies.share("calls", "counted", scale=1000.0),
        "clean_flagged": tallies.share("flagged", "fields"),
    }


def cell_figures(fields: Sequence[Field], calls: Sequence[Calls]) -> dict[str, Figure]:
    """Of cells that were found and count: AUC of the logit, sensitivity and specificity as called.

    `sensitivity_of_all` takes the infected cells that were not found, too.
    """
    infected, logit, owner, rows = [], [], [], []
    groups = [one.truth.group for one in fields]
    numbers = np.unique(groups, return_inverse=True)[1]
    for number, one, said in zip(numbers, fields, calls, strict=True):
        pairs = one.fair.hits
        truth, called = one.truth.infected[pairs[:, 0]], said.infected[pairs[:, 1]]
        infected.append(truth)
        logit.append(said.logit[pairs[:, 1]])
        owner.append(np.full(len(pairs), number))
        rows.append(
            {
                "infected": int((one.truth.infected & one.fair.true_counts).sum()),
                "infected_found": int(truth.sum()),
                "infected_called": int((truth & called).sum()),
                "healthy_found": int((~truth).sum()),
                "healthy_passed": int((~truth & ~called).sum()),
            }
        )
    tallies = Tallies.of(rows, groups)
    curves = curve_rows(
        np.concatenate(logit), np.concatenate(infected), np.concatenate(owner), tallies.weights
    )
    n = len(np.concatenate(logit))
    return {
        "auc": tallies.figure(curves["auc"], n),
        "sensitivity": tallies.share("infected_called", "infected_found"),
        "specificity": tallies.share("healthy_passed", "healthy_found"),
        "sensitivity_of_all": tallies.share("infected_called", "infected"),
    }
