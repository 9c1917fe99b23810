"""The studies of novelty: systems side by side, slides adjusted to themselves, the two networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from train.bootstrap import Figure
from train.novelty.combined import combine_alike, combine_at_home, combine_away
from train.novelty.curves import (
    ADJUSTMENTS,
    Judged,
    adjusted,
    as_figure,
    auc_rows,
    pooled,
    rates_at,
    sweep,
    threshold_at,
)
from train.novelty.systems import System
from train.studies import Study

HOME = "held-out patients"
_INTERVAL = ("AUC", "from", "to")
SYSTEM_COLUMNS = (
    "system",
    "side, px",
    *_INTERVAL,
    *("AUC away", "from", "to"),
    "false alarm",
    "recall",
    "precision",
    "F1",
    "best F1 in hindsight",
)
ADJUSTED_COLUMNS = ("system", "where", "adjustment", *_INTERVAL, "false alarm", "recall", "F1")
COMBINED_COLUMNS = (
    *("novelty by", "where", "adjustment", "score", *_INTERVAL),
    *("gain over the classifier", "from", "to"),
)


def systems_study(systems: Sequence[System], false_alarm: float, command: str, away: str) -> Study:
    """Every system at home and away, and at a threshold from healthy validation cells."""
    return Study(
        title="Novelty: what healthy cells alone can teach",
        question=(
            "How well does each system, fitted on healthy cells alone, tell infected cells of "
            f"held-out patients, and of {away or 'no other data set'}, from healthy ones? Rates "
            "are at the lowest threshold that flags no more than "
            f"{false_alarm:.0%} of the healthy cells of validation patients."
        ),
        command=command,
        columns=SYSTEM_COLUMNS,
        rows=tuple(_system_row(system, false_alarm) for system in systems),
    )


def _system_row(system: System, false_alarm: float) -> tuple[Any, ...]:
    home, _ = at_threshold(system, false_alarm)
    rates = rates_at(home, 0.0)
    away = _interval(_auc(system.away)) if system.away else ("", "", "")
    return (
        system.name,
        system.size_px,
        *_interval(_auc(pooled(system.held_out))),
        *away,
        *(round(rates[name].value, 4) for name in ("false_alarm", "recall", "precision", "f1")),
        round(float(sweep(home).f1.max()), 4),
    )


def adjusted_study(systems: Sequence[System], false_alarm: float, command: str) -> Study:
    """Every system with its scores seen from the slide's own majority."""
    rows = [
        row
        for system in systems
        for kind in ADJUSTMENTS
        for row in _adjusted_rows(system, kind, false_alarm)
    ]
    return Study(
        title="Novelty: a slide adjusted to itself",
        question=(
            "Does it help to see scores from the slide's own majority, without labels? A patient "
            "of nih-cells gave as many infected as healthy cells, so there the healthy ones stand "
            "for the majority of a slide; away the median is that of all cells of a field."
        ),
        command=command,
        columns=ADJUSTED_COLUMNS,
        rows=tuple(rows),
    )


def _adjusted_rows(system: System, kind: str, false_alarm: float) -> list[tuple[Any, ...]]:
    seen = adjust(system, kind)
    places = zip((HOME, "away, by field"), at_threshold(seen, false_alarm), strict=True)
    rows = []
    for where, judged in places:
        if judged is None:
            continue
        rates = rates_at(judged, 0.0)
        found = tuple(round(rates[name].value, 4) for name in ("false_alarm", "recall", "f1"))
        rows.append((system.name, where, kind, *_interval(_auc(judged)), *found))
    return rows


def combined_study(systems: Sequence[System], classifier: System, command: str) -> Study:
    """The classifier alone, novelty alone, and both."""
    rows = [
        row
        for system in systems
        for kind in ADJUSTMENTS[:2]
        for row in _combined_rows(adjust(system, kind), adjust(classifier, kind), kind)
    ]
    return Study(
        title="Novelty beside the classifier",
        question=(
            f"Is the classifier ({classifier.name}) better with the anomaly score beside it? "
            "Logistic weights of both come from other held-out patients at home, and away from all "
            "of them; both alike is the sum of the two, each over its spread at home, with no "
            "label. Away nothing is fitted."
        ),
        command=command,
        columns=COMBINED_COLUMNS,
        rows=tuple(rows),
    )


def _combined_rows(system: System, classifier: System, kind: str) -> list[tuple[Any, ...]]:
    home = pooled(classifier.held_out), pooled(system.held_out)
    places = [(HOME, *home, combine_at_home(*home), combine_alike(home, home))]
    if system.away and classifier.away:
        away = classifier.away, system.away
        both = combine_away(home, away), combine_alike(home, away)
        places.append(("away, by field", *away, *both))
    rows = []
    for where, alone, *others in places:
        base = auc_rows(alone)
        names = ("classifier", "novelty", "both", "both alike")
        for name, judged in zip(names, (alone, *others), strict=True):
            found = auc_rows(judged)
            gain = _interval(as_figure(found - base, judged))
            head = (system.name, where, kind, name)
            rows.append((*head, *_interval(as_figure(found, judged)), *gain))
    return rows


def at_threshold(system: System, false_alarm: float) -> tuple[Judged, Judged | None]:
    """Held-out patients, and away, with 0 where the threshold was: above it a cell is flagged.

    Each fold has a threshold of its own; away it is their mean.
    """
    thresholds = [threshold_at(part, false_alarm) for part in system.validation]
    home = pooled(
        [
            part.rescored(part.score - threshold)
            for part, threshold in zip(system.held_out, thresholds, strict=True)
        ]
    )
    away = system.away
    return home, away and away.rescored(away.score - float(np.mean(thresholds)))


def adjust(system: System, kind: str) -> System:
    """The system with every slide adjusted; at home to its healthy cells."""
    return replace(
        system,
        validation=tuple(adjusted(part, kind, ~part.positive) for part in system.validation),
        held_out=tuple(adjusted(part, kind, ~part.positive) for part in system.held_out),
        away=system.away and adjusted(system.away, kind),
    )


def _auc(judged: Judged) -> Figure:
    return as_figure(auc_rows(judged), judged)


def _interval(figure: Figure) -> tuple[float, float, float]:
    # The zero added keeps a gain of nothing from being printed as -0.0.
    value, low, high = (round(x, 4) + 0.0 for x in (figure.value, figure.ci_low, figure.ci_high))
    return value, low, high
