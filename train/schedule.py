"""Learning rate, phases and early stopping, as pure functions of the settings and the log so far.

Nothing here has a state of its own, so a resumed fit decides what an undisturbed one would have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from train.recipe_parts import FitSpec

History = Sequence[Mapping[str, float]]


def learning_rate(fit: FitSpec, step: int, steps_per_epoch: int, history: History) -> float:
    """The rate of global step `step` (from 0), given the log rows of finished epochs."""
    epoch = step // steps_per_epoch
    base = fit.learning_rate
    if is_frozen(fit, epoch):
        return base
    if fit.frozen_epochs:
        base = fit.unfrozen_rate
    warmup = fit.warmup_epochs * steps_per_epoch
    step -= fit.frozen_epochs * steps_per_epoch
    if step < warmup:
        return base * (step + 1) / warmup
    if fit.schedule == "cosine":
        total = (fit.epochs - fit.frozen_epochs) * steps_per_epoch - warmup
        return base / 2 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(total, 1))))
    if fit.schedule == "step":
        return float(base * fit.factor ** (step // (fit.step_epochs * steps_per_epoch)))
    if fit.schedule == "plateau":
        return float(base * fit.factor ** _plateaus(fit, history[fit.frozen_epochs :]))
    return base


def is_frozen(fit: FitSpec, epoch: int) -> bool:
    """Whether only the head learns in this epoch (from 0)."""
    return epoch < fit.frozen_epochs


def _plateaus(fit: FitSpec, history: History) -> int:
    """How often `plateau_patience` epochs in a row brought no lower validation loss."""
    best, waited, count = math.inf, 0, 0
    for row in history:
        if row["validation_loss"] < best:
            best, waited = row["validation_loss"], 0
            continue
        waited += 1
        if waited >= fit.plateau_patience:
            waited, count = 0, count + 1
    return count


def best_epoch(history: History) -> int:
    """Index of the row with the lowest validation loss; -1 without rows."""
    losses = [row["validation_loss"] for row in history]
    return losses.index(min(losses)) if losses else -1


def stops_early(fit: FitSpec, history: History) -> bool:
    """Whether the validation loss has not fallen for `stop_patience` epochs (0 is never)."""
    waited = len(history) - 1 - best_epoch(history)
    return bool(fit.stop_patience) and bool(history) and waited >= fit.stop_patience
