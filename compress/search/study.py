"""A search over networks for one device: drawn by Optuna, resumed after a kill, its front written.

What is drawn depends on the finished trials alone: the sampler is seeded anew for each draw by the
recipe's seed and their number. A trial that a kill cut off is drawn again, and its fit goes on from
its checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compress.devices import Budget, Device
from compress.search.fitting import Fits
from compress.search.front import Trial, front_of
from compress.search.objective import Objective, Outcome
from compress.search.output import write_front
from compress.search.space import Space, space_of
from edge.contract.errors import BusyError, ConfigError, DataError
from edge.contract.records import from_plain, to_plain
from train.recipe import Recipe

if TYPE_CHECKING:
    from optuna.study import Study

log = logging.getLogger(__name__)
STUDY_FILE = "study.db"
_STUDY = "search"
# Over the budget, or drawn before, costs no fit and does not count; but a search has an end.
DRAWS_PER_TRIAL = 20


@dataclass(frozen=True)
class Settings:
    """What makes two searches the same one; the number of trials does not."""

    recipe: Recipe
    device: str
    budget: Budget
    epochs: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs of a trial are {self.epochs}; at least 1")


def search(
    settings: Settings,
    device: Device,
    out: Path,
    *,
    trials: int,
    command: str,
    data: Path | None = None,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> tuple[Trial, ...]:
    """Goes on until so many trials were fitted, and writes the front into `out`.

    Args:
        trials: fitted to the end or stopped early; those over the budget do not count.
        command: that repeats the search, for the record.
        on_trial: called after each draw, also those over the budget.

    Returns:
        The front, by bytes.

    Raises:
        ConfigError: the folder holds a search of other settings, or the recipe's network is no
            plain one.
        BusyError: another process searches there.
        DataError: no network of the space is within the budget.
    """
    if trials < 1:
        raise ConfigError(f"trials are {trials}; at least 1")
    space = space_of(settings.recipe, device)
    fits = Fits(out.resolve() / "fits", data)
    objective = Objective(settings.recipe, device, settings.budget, settings.epochs, fits)
    if not (out / STUDY_FILE).is_file():
        _check_smallest(objective, space, settings)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out), _opened(out / STUDY_FILE, settings) as study:
        _fail_interrupted(study)
        _draw_all(study, objective, space, settings.recipe.seed, trials, on_trial)
        found = _finished(study)
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


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    # The lock goes with the process, so a kill leaves none behind.
    with (out / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                f"another search is running in {out}; wait for it, or give another --out"
            ) from error
        yield


@contextmanager
def _opened(path: Path, settings: Settings) -> Iterator[Study]:
    """The study in a file, made where there is none. Raises ConfigError as `search`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not path.is_file():
        partial = path.with_suffix(".part")
        partial.unlink(missing_ok=True)
        with _storage(partial) as storage:
            study = optuna.create_study(
                storage=storage,
                study_name=_STUDY,
                # AUC, bytes, ms.
                directions=["maximize", "minimize", "minimize"],
            )
            study.set_user_attr("settings", _as_text(settings))
        partial.replace(path)
    with _storage(path) as storage:
        study = _load(storage, path)
        if study.user_attrs.get("settings") != _as_text(settings):
            raise ConfigError(
                f"{path} holds a search with another recipe, device, budget or number of epochs; "
                "give another --out"
            )
        yield study


@contextmanager
def _storage(path: Path) -> Iterator[Any]:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        storage = RDBStorage(f"sqlite:///{path}")
    except SQLAlchemyError as error:
        raise ConfigError(f"{path} is no study of a search: {error}; give another --out") from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _load(storage: Any, path: Path) -> Study:
    import optuna

    try:
        return optuna.load_study(storage=storage, study_name=_STUDY)
    except KeyError as error:
        raise ConfigError(f"{path} holds no search; give another --out") from error


def _as_text(settings: Settings) -> str:
    return json.dumps(to_plain(settings), sort_keys=True)


def _fail_interrupted(study: Study) -> None:
    """Marks trials that a kill left running; nothing else runs, for the folder is locked."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        log.info("trial %d was interrupted; its candidate is drawn again", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)


def _finished(study: Study) -> list[Trial]:
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return [
        Trial(trial.number, from_plain(Outcome, trial.user_attrs["outcome"], "outcome"))
        for trial in study.get_trials(deepcopy=False, states=states)
    ]


def _draw_all(
    study: Study,
    objective: Objective,
    space: Space,
    seed: int,
    trials: int,
    on_trial: Callable[[Trial], None],
) -> None:
    done = _finished(study)
    while (fitted := sum(bool(trial.outcome.curve) for trial in done)) < trials:
        if len(done) >= trials * DRAWS_PER_TRIAL:
            log.warning("%d draws gave %d of %d trials to fit", len(done), fitted, trials)
            return
        done.append(_draw(study, objective, space, seed, done))
        on_trial(done[-1])


def _draw(study: Study, objective: Objective, space: Space, seed: int, done: list[Trial]) -> Trial:
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    state = np.random.SeedSequence((seed, len(done))).generate_state(1)
    study.sampler = TPESampler(seed=int(state[0]))
    trial = study.ask()
    candidate = space.draw(trial)
    same = [one for one in done if one.outcome.candidate == candidate]
    if same:
        outcome = _repeated(same[0])
    else:
        outcome = objective.judge(candidate, [one.outcome.course for one in done])
    trial.set_user_attr("outcome", to_plain(outcome))
    trial.set_constraint("budget", outcome.over)
    if outcome.auc is None:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, [outcome.auc, *outcome.costs])
    return Trial(trial.number, outcome)


def _repeated(trial: Trial) -> Outcome:
    """The outcome of a candidate that was drawn before: its cost, and no figure a second time."""
    reason = trial.outcome.reason if trial.outcome.over else f"as trial {trial.number}"
    return replace(trial.outcome, curve=(), auc_float=None, auc=None, reason=reason)
