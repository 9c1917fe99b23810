"""One fit by several workers: started together, watched, and started again where one dies.

Each worker is a process that takes its share of every batch (`train.team`). All restore the last
checkpoint, so a fit whose worker was lost comes to what it would have come to without that.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.contract.errors import ClinicScopeError, ConfigError, DeviceLostError
from edge.engine import Engine
from train.corrections import read_corrections
from train.datasets.base import data_root
from train.fit_pieces import Piece, Row, check_seen, following, marked
from train.log import read_log
from train.processes import BEAT_S, Beat, FaultError, WorkerDiedError
from train.recipe import Recipe

# How often workers are started without an epoch between.
TRIES = 4
# A worker that says nothing for so long has stopped; one that takes no step, waits in vain.
SILENCE_S = 60.0
STALL_S = 1800.0
# A worker's work: (what it is given, addresses of all, its index, its beat).
Work = Callable[[Any, Sequence[str], int, Beat], Any]


class Crew(ABC):
    """Starts all workers of one fit at once, wherever that is, and ends them."""

    def __init__(self, size: int, cpus: int) -> None:
        self.size, self.cpus = size, cpus

    @abstractmethod
    def start(self, work: Work, given: Any) -> None:
        """Starts them, with addresses at which they reach each other.

        Raises:
            ConfigError: there is no room for them.
            HardwareError: there is none now.
        """

    @abstractmethod
    def hear(self, index: int, wait_s: float) -> tuple[str, Any] | None:
        """As `train.processes.Process.hear`, of one worker."""

    @abstractmethod
    def stop(self) -> None:
        """Ends them all at once."""


def check_replicas_of(recipe: Recipe, replicas: int) -> None:
    """Raises ConfigError where workers cannot share the recipe's batches."""
    if replicas < 2:
        raise ConfigError(f"--replicas is {replicas}; 2 or more, or leave it out")
    if recipe.novelty is not None:
        raise ConfigError(
            f"--replicas: the loss of [novelty], {recipe.novelty.objective!r}, is no mean over the "
            "rows of a batch, which workers could share; fit by one process"
        )
    if recipe.teacher is not None and recipe.teacher.features:
        raise ConfigError(
            "--replicas: teacher.features are learnt from those rows of a batch of which the "
            "teacher speaks, which workers could not share evenly; fit by one process"
        )
    if recipe.fit.precision != "float32":
        raise ConfigError(
            f"--replicas: fit.precision is {recipe.fit.precision!r}; workers share float32"
        )
    if recipe.fit.batch_size % replicas:
        raise ConfigError(
            f"fit.batch_size is {recipe.fit.batch_size}, which {replicas} workers do not share "
            "evenly; take another number of them, or --set fit.batch_size"
        )


def fit_together(
    recipe: Recipe,
    run_dir: Path,
    crew: Crew,
    *,
    data: Path | None = None,
    corrections: Sequence[Path] = (),
    on_row: Callable[[int, Row], None] = lambda _index, _row: None,
    on_restart: Callable[[str], None] = lambda _why: None,
) -> None:
    """Fits the recipe's network by the workers of a crew, or goes on; see `train.fit.fit`.

    Args:
        on_row: called with 0 and each row of the log, from another thread.
        on_restart: told why the workers are started again.

    Raises:
        ConfigError: workers cannot share this recipe, or there is no room for them.
        DeviceLostError: workers died time and again.
        ClinicScopeError: as `train.fit.fit`.
    """
    from train.fit import is_finished

    check_replicas_of(recipe, crew.size)
    if is_finished(recipe, run_dir, read_corrections(corrections)):
        return
    run_dir = run_dir.resolve()
    exported = tuple(path.resolve() for path in corrections)
    with marked(run_dir.parent) as mark, following({0: run_dir / "log.csv"}, on_row):
        piece = Piece(recipe, run_dir, data_root(data), exported, Path.cwd(), mark, crew.cpus)

        def epochs() -> int:
            return len(read_log(run_dir / "log.csv"))

        see_through(crew, fit_share, piece, epochs, on_restart)


def fit_share(piece: Piece, addresses: Sequence[str], index: int, beat: Beat) -> None:
    """The work of one worker, in a fresh process."""
    check_seen(piece.mark)
    with suppress(FileNotFoundError):
        os.chdir(piece.work_dir)
    from train.fit import fit
    from train.team import Workers
    from train.threads import limit_threads

    limit_threads(piece.cpus)
    team = Workers(addresses, index, beat)
    try:
        fit(
            piece.recipe,
            piece.run_dir,
            data=piece.data,
            corrections=piece.corrections,
            team=team,
        )
    except ClinicScopeError as error:
        # What a lost worker makes of a checkpoint of all looks like a disk that fails.
        if _is_of_another(error):
            raise FaultError(str(error)) from error
        raise


def _is_of_another(error: BaseException | None) -> bool:
    import tensorflow as tf

    kinds = tf.errors
    lost = (
        kinds.UnavailableError,
        kinds.AbortedError,
        kinds.CancelledError,
        kinds.DeadlineExceededError,
        kinds.InternalError,
    )
    return error is not None and (isinstance(error, lost) or _is_of_another(error.__cause__))


def see_through(
    crew: Crew,
    work: Work,
    given: Any,
    progress: Callable[[], int],
    on_restart: Callable[[str], None],
    *,
    silence_s: float = SILENCE_S,
    stall_s: float = STALL_S,
) -> None:
    """Has a crew do work until its first worker is done, from the start where one dies.

    Args:
        progress: how far the work is on disk; a crew that came further may be lost once more.

    Raises:
        DeviceLostError: workers died TRIES times without coming further.
        FaultError: they met a fault of the program as often.
        ClinicScopeError: the work's own; it is not tried again.
    """
    tries, reached = 0, progress()
    while True:
        try:
            crew.start(work, given)
            _watch(crew, silence_s, stall_s)
            return
        except (WorkerDiedError, FaultError) as error:
            why = _first_cause(crew, error)
            tries, before, reached = tries + 1, reached, progress()
            tries = 1 if reached > before else tries
            if tries >= TRIES:
                raise _given_up(why) from error
            on_restart(_last_line(why))
        finally:
            crew.stop()


def _watch(crew: Crew, silence_s: float, stall_s: float) -> None:
    now = time.monotonic()
    heard, counts, moved = [now] * crew.size, [0] * crew.size, now
    done = [False] * crew.size
    while not done[0]:
        for index in range(crew.size):
            said, now = _hear(crew, index, BEAT_S / crew.size), time.monotonic()
            if said is not None:
                heard[index] = now
                done[index] |= said[0] == "done"
                if said[0] == "beat" and said[1] > counts[index]:
                    counts[index], moved = said[1], now
            elif now - heard[index] > silence_s:
                raise WorkerDiedError(f"worker {index} has said nothing for {silence_s:.0f} s")
        # The first worker has the scoring to do when the others are done.
        if not any(done) and now - moved > stall_s:
            raise WorkerDiedError(f"no worker has taken a step for {stall_s:.0f} s")


def _hear(crew: Crew, index: int, wait_s: float) -> tuple[str, Any] | None:
    try:
        return crew.hear(index, wait_s)
    except WorkerDiedError as error:
        raise WorkerDiedError(f"worker {index} of {crew.size}: {error}") from error


def _first_cause(crew: Crew, error: Exception) -> Exception:
    """A worker that died explains what the others met."""
    if isinstance(error, WorkerDiedError):
        return error
    for index in range(crew.size):
        try:
            # What it said before comes first.
            for _ in range(5):
                if _hear(crew, index, 0.5) is None:
                    break
        except WorkerDiedError as found:
            return found
        except (FaultError, ClinicScopeError):
            continue
    return error


def _given_up(why: Exception) -> Exception:
    if isinstance(why, FaultError):
        return why
    return DeviceLostError(
        f"workers of the fit died {TRIES} times without an epoch between, at last: {why}; see "
        "whether memory is short, then run again: it goes on from its last checkpoint"
    )


def _last_line(error: Exception) -> str:
    return [type(error).__name__, *str(error).strip().splitlines()][-1][:300]


def open_crew(engine: Engine, replicas: int, cpus: int) -> Crew:
    """The crew that belongs to an engine."""
    if engine.name == "local":
        from train.replicas_local import LocalCrew

        return LocalCrew(replicas, cpus)
    from train.replicas_ray import RayCrew

    return RayCrew(replicas, cpus, engine.cpus)
