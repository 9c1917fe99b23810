"""How well infected cells, fields and blocks are told. Pure; intervals over blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.types import F64Array
from train.bootstrap import Figure
from train.datasets.iml_fields import DIFFICULT
from train.fields.callers import Calls, Field
from train.fields.matching import true_at_border
from train.fields.tallies import Tallies


def calling_figures(fields: Sequence[Field], calls: Sequence[Calls]) -> dict[str, Figure]:
    """How well infected cells, fields and blocks are told; fairly counted.

    A call is right where its box pairs with an infected one; infected cells that were not found are
    misses. A field is infected where it has an infected cell that counts, clean where it has none
    at all and no difficult one; it is flagged by any call that counts.
    """
    rows = [_call_row(one, said) for one, said in zip(fields, calls, strict=True)]
    tallies = Tallies.of(rows, [one.truth.group for one in fields])
    return {
        "infected_f1": _f1(tallies),
        "infected_precision": tallies.share("right_calls", "calls"),
        "infected_recall": tallies.share("right_calls", "infected"),
        "fields_caught": tallies.share("caught", "infected_field"),
        "clean_flagged": tallies.share("clean_flagged", "clean_field"),
        "parasitaemia_r": _correlation(tallies),
        "parasitaemia_bias_points": _bias(tallies),
    }


def _f1(tallies: Tallies) -> Figure:
    """2 TP / (2 TP + FP + FN)."""
    right, said = tallies.drawn("right_calls"), tallies.drawn("calls")
    with np.errstate(divide="ignore", invalid="ignore"):
        row = 2 * right / (said + tallies.drawn("infected"))
    return tallies.figure(row, tallies.total("infected"))


def _call_row(one: Field, said: Calls) -> dict[str, float]:
    matched = one.fair
    infected = one.truth.infected & matched.true_counts
    calls = said.infected & matched.found_counts
    rows = matched.hits
    right = infected[rows[:, 0]] & said.infected[rows[:, 1]]
    # A difficult cell may be infected.
    any_infected = bool((one.truth.infected | (one.truth.labels == DIFFICULT)).any())
    flagged = bool(calls.any())
    # What a person counts on the slide: whole cells, difficult ones among them.
    whole = one.truth.red & ~true_at_border(one.truth, one.reading)
    return {
        "infected": int(infected.sum()),
        "calls": int(calls.sum()),
        "right_calls": int(right.sum()),
        "infected_field": float(infected.any()),
        "caught": float(infected.any() and flagged),
        "clean_field": float(not any_infected),
        "clean_flagged": float(not any_infected and flagged),
        "true_whole": int(whole.sum()),
        "true_infected": int((whole & one.truth.infected).sum()),
        "counted": int(one.reading.counted.sum()),
        "counted_infected": int((one.reading.counted & said.infected).sum()),
    }


def parasitaemia(tallies: Tallies) -> tuple[F64Array, F64Array]:
    """(groups,) true and counted shares of infected cells; NaN where nothing was counted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        true = tallies.per_group("true_infected") / tallies.per_group("true_whole")
        seen = tallies.per_group("counted_infected") / tallies.per_group("counted")
    return true, seen


def _correlation(tallies: Tallies) -> Figure:
    """Pearson's r of the blocks' parasitaemia."""
    true, seen = parasitaemia(tallies)
    known = np.isfinite(true) & np.isfinite(seen)
    weights = tallies.weights[:, known]
    x, y = true[known], seen[known]
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        dx, dy = x - (weights @ x)[:, None] / total, y - (weights @ y)[:, None] / total
        shared = (weights * dx * dy).sum(axis=1)
        spread = np.sqrt((weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1))
        return tallies.figure(shared / spread, int(known.sum()))


def _bias(tallies: Tallies) -> Figure:
    """Mean over blocks of counted less true parasitaemia, percentage points."""
    true, seen = parasitaemia(tallies)
    known = np.isfinite(true) & np.isfinite(seen)
    weights = tallies.weights[:, known]
    with np.errstate(divide="ignore", invalid="ignore"):
        row = 100 * (weights @ (seen - true)[known]) / weights.sum(axis=1)
    return tallies.figure(row, int(known.sum()))
