"""The study of a search on disk: one SQLite file that one process opens at a time.

It holds finished trials alone. Each is written whole, in one transaction, so a kill leaves no half.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from compress.search.front import Trial
from compress.search.objective import Outcome
from compress.search.space import Drawn
from edge.contract.errors import BusyError, ConfigError, ManifestError
from edge.contract.records import from_plain, to_plain

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)
STUDY_FILE = "study.db"
# Of AUC, bytes, ms.
DIRECTIONS = ("maximize", "minimize", "minimize")
_STUDY = "search"
_SETTINGS, _OUTCOME, _BUDGET = "settings", "outcome", "budget"
S = TypeVar("S")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keeps other searches out of the folder. Raises BusyError where one is there."""
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
def opened(path: Path, settings: Any) -> Iterator[Study]:
    """The study in a file, made where there is none.

    Args:
        settings: a dataclass; what makes two searches the same one.

    Raises:
        ConfigError: the file is no study, or one of other settings.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not path.is_file():
        partial = path.with_suffix(".part")
        partial.unlink(missing_ok=True)
        with _storage(partial) as storage:
            study = optuna.create_study(storage=storage, study_name=_STUDY, directions=DIRECTIONS)
            study.set_user_attr(_SETTINGS, json.dumps(to_plain(settings), sort_keys=True))
        partial.replace(path)
    with _storage(path) as storage:
        study = _load(storage, path)
        if _settings_of(study, type(settings)) != settings:
            raise ConfigError(
                f"{path} holds a search with another recipe, device, budget, number of epochs, of "
                "candidates at once or of threads; give another --out"
            )
        _fail_interrupted(study)
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


def _settings_of(study: Study, kind: type[S]) -> S | None:
    # By value: a setting that came later and has its default makes no other search.
    try:
        return from_plain(kind, json.loads(study.user_attrs[_SETTINGS]), _SETTINGS)
    except (KeyError, ValueError, ManifestError, ConfigError):
        return None


def _fail_interrupted(study: Study) -> None:
    """Earlier versions wrote a trial when it began; those that a kill left so are drawn again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        log.info("trial %d was interrupted; its candidate is drawn again", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)


def finished(study: Study) -> list[FrozenTrial]:
    """What Optuna has of the finished trials, in the order of their numbers."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def read_trial(frozen: FrozenTrial) -> Trial:
    """A finished trial in our own words."""
    return Trial(frozen.number, from_plain(Outcome, frozen.user_attrs[_OUTCOME], _OUTCOME))


def write_trial(study: Study, drawn: Drawn, outcome: Outcome) -> Trial:
    """Adds a finished trial, whole."""
    from optuna.trial import TrialState, create_trial

    has_figures = outcome.auc is not None
    trial = create_trial(
        state=TrialState.COMPLETE if has_figures else TrialState.PRUNED,
        values=[outcome.auc or 0.0, *outcome.costs] if has_figures else None,
        params=drawn.parameters,
        distributions=drawn.distributions,
        user_attrs={_OUTCOME: to_plain(outcome)},
        constraints={_BUDGET: outcome.over},
    )
    study.add_trial(trial)
    return Trial(study.get_trials(deepcopy=False)[-1].number, outcome)
