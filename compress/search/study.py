"""A search over networks for one device: drawn by Optuna, resumed after a kill, its front written.

It goes in rounds (`compress.search.rounds`). An engine judges the candidates of a round; this
process alone draws them and writes the study, in the order in which they were drawn. A round that a
kill cut off is drawn again, the same, and its fits go on from their checkpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compress.devices import Budget, Device
from compress.search.fitting import Fits
from compress.search.front import Trial, front_of
from compress.search.objective import Objective, Outcome
from compress.search.output import write_front
from compress.search.rounds import Judge, draw_round
from compress.search.space import Candidate, Drawn, Space, space_of
from compress.search.storage import STUDY_FILE, alone, finished, opened, read_trial, write_trial
from edge.contract.errors import ConfigError, DataError
from edge.engine import EngineSettings, open_engine
from train.datasets.base import data_root
from train.fit_pieces import marked
from train.recipe import Recipe

if TYPE_CHECKING:
    from optuna.study import Study

log = logging.getLogger(__name__)
# Over the budget, or drawn before, costs no fit and does not count; but a search has an end.
DRAWS_PER_TRIAL = 20


@dataclass(frozen=True)
class Settings:
    """What makes two searches the same one; the number of trials, or the engine, does not.

    Attributes:
        at_once: candidates of a round, which know nothing of each other.
        cpus: threads of each fit, which its numbers depend on; 0 is all of the machine.
    """

    recipe: Recipe
    device: str
    budget: Budget
    epochs: int
    at_once: int = 1
    cpus: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs of a trial are {self.epochs}; at least 1")
        if self.at_once < 1:
            raise ConfigError(f"candidates at once are {self.at_once}; at least 1")
        if self.cpus < 0:
            raise ConfigError(f"cpus of a fit are {self.cpus}; 0 for all of the machine, or more")


def search(
    settings: Settings,
    device: Device,
    out: Path,
    *,
    trials: int,
    command: str,
    data: Path | None = None,
    engine: EngineSettings | None = None,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> tuple[Trial, ...]:
    """Goes on to the end of the round in which so many trials are fitted, and writes the front.

    Args:
        trials: fitted to the end or stopped early; those over the budget do not count.
        command: that repeats the search, for the record.
        engine: that judges the candidates of a round; None does it in this process.
        on_trial: called after each trial, also those over the budget, when its round is judged.

    Returns:
        The front, by bytes.

    Raises:
        ConfigError: the folder holds a search of other settings, or the recipe's network is no
            plain one; or as `open_engine`, or a worker does not see `out`.
        HardwareError: as `open_engine`.
        BusyError: another process searches there.
        DataError: no network of the space is within the budget.
    """
    if trials < 1:
        raise ConfigError(f"trials are {trials}; at least 1")
    space = space_of(settings.recipe, device)
    # Workers have other environments and working folders.
    fits = Fits(out.resolve() / "fits", data_root(data))
    objective = Objective(settings.recipe, device, settings.budget, settings.epochs, fits)
    with open_engine(engine or EngineSettings()) as opened_engine:
        if not (out / STUDY_FILE).is_file():
            _check_smallest(objective, space, settings)
        out.mkdir(parents=True, exist_ok=True)
        with (
            alone(out),
            opened(out / STUDY_FILE, settings) as study,
            marked(fits.folder) as mark,
        ):
            judge = Judge(opened_engine, objective, settings.cpus, mark)
            search_rounds(study, judge, space, settings, trials, on_trial)
            found = [read_trial(one) for one in finished(study)]
    front = front_of(found)
    if not front:
        raise DataError(_nothing_fits(found, settings))
    title = f"{settings.recipe.task}, {device.title}"
    write_front(out, title, command, front, found)
    return front


def _check_smallest(objective: Objective, space: Space, settings: Settings) -> None:
    least = objective.weigh(space.smallest())
    if least.over:
        raise DataError(
            f"the smallest network of the space, {_described(least)}, is over the budget of "
            f"{settings.budget} for {settings.device}; raise it with --max-bytes, --max-mmac or "
            "--max-ms"
        )


def _nothing_fits(found: list[Trial], settings: Settings) -> str:
    nearest = min(found, key=lambda trial: (trial.outcome.over, trial.outcome.size_bytes))
    return (
        f"none of {len(found)} trials is within the budget of {settings.budget} for "
        f"{settings.device} and was fitted to the end; nearest: {_described(nearest.outcome)}"
        f" ({nearest.outcome.reason}); raise the budget with --max-bytes, --max-mmac or --max-ms, "
        "or ask for more --trials"
    )


def _described(one: Outcome) -> str:
    size = f"{one.size_bytes:,} bytes, " if one.size_bytes else ""
    return (
        f"{list(one.widths)} at {one.size_px} px with {size}{one.macs / 1e6:.3g} MMAC, "
        f"{one.ms:.3g} ms (predicted)"
    )


def search_rounds(
    study: Study,
    judge: Judge,
    space: Space,
    settings: Settings,
    trials: int,
    on_trial: Callable[[Trial], None],
) -> None:
    """Round after round; one that a kill left half told is told to its end first."""
    while True:
        frozen = finished(study)
        done = [read_trial(one) for one in frozen]
        whole = len(done) - len(done) % settings.at_once
        fitted = sum(bool(trial.outcome.curve) for trial in done)
        if whole == len(done) and fitted >= trials:
            return
        if whole == len(done) >= trials * DRAWS_PER_TRIAL:
            log.warning("%d draws gave %d of %d trials to fit", len(done), fitted, trials)
            return
        drawn = draw_round(frozen[:whole], space, settings.recipe.seed, settings.at_once)
        left = drawn[len(done) - whole :]
        known = {one.outcome.candidate for one in done}
        new = [one for one in dict.fromkeys(each.candidate for each in left) if one not in known]
        courses = [one.outcome.course for one in done[:whole]]
        judged = judge.judge(new, courses)
        for each in left:
            done.append(_tell(study, each, judged, done))
            on_trial(done[-1])


def _tell(
    study: Study, drawn: Drawn, judged: Mapping[Candidate, Outcome], done: Sequence[Trial]
) -> Trial:
    same = [one for one in done if one.outcome.candidate == drawn.candidate]
    return write_trial(study, drawn, _repeated(same[0]) if same else judged[drawn.candidate])


def _repeated(trial: Trial) -> Outcome:
    """The outcome of a candidate that was drawn before: its cost, and no figure a second time."""
    reason = trial.outcome.reason if trial.outcome.over else f"as trial {trial.number}"
    return replace(trial.outcome, curve=(), auc_float=None, auc=None, reason=reason)
