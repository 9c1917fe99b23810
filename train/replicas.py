"""One fit by several workers, which take a share of every batch (`train.team`).

All restore the last checkpoint, so a fit whose worker was lost comes to what it would have come to
without that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edge.contract.errors import ClinicScopeError, ConfigError
from edge.engine import Engine
from train.corrections import read_corrections
from train.crews import Crew, see_through
from train.datasets.base import data_root
from train.fit_pieces import Piece, Row, check_seen, following, marked, prepare_crops
from train.log import read_log
from train.processes import Beat, FaultError
from train.recipe import Recipe


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
    if is_finished(recipe, run_dir, read_corrections(corrections), crew.size):
        return
    run_dir = run_dir.resolve()
    exported = tuple(path.resolve() for path in corrections)
    with marked(run_dir.parent) as mark, following({0: run_dir / "log.csv"}, on_row):
        root = data_root(data)
        prepare_crops(recipe, run_dir.parent, root)
        piece = Piece(recipe, run_dir, root, exported, Path.cwd(), mark, crew.cpus)

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


def open_crew(engine: Engine, replicas: int, cpus: int) -> Crew:
    """The crew that belongs to an engine."""
    if engine.name == "local":
        from train.replicas_local import LocalCrew

        return LocalCrew(replicas, cpus)
    from train.replicas_ray import RayCrew

    return RayCrew(replicas, cpus, engine.cpus)
