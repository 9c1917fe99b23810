"""Fits as pieces of work for an engine: the folds of a cross-validation, or one fit.

Each is made in a process of its own, with the threads that it is given, so its numbers do not
depend on where it is made. How it goes on is read from its log, which all machines can see.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from edge.contract.errors import ClinicScopeError, ConfigError
from edge.engine import Engine
from train.corrections import read_corrections
from train.datasets.base import data_root, list_examples, load_crops
from train.log import read_log
from train.processes import Beat, in_fresh_process
from train.recipe import Recipe
from train.run_folder import writing
from train.splits import BY_PATIENT, n_folds_of

Row = dict[str, float]
LOOK_S = 0.5
# A network file system may show a new file seconds later elsewhere.
SEEN_S = 5.0


@dataclass(frozen=True)
class Piece:
    """One fit.

    Attributes:
        run_dir: absolute.
        data: the folder of data sets.
        work_dir: what paths in the recipe start from.
        mark: a file of the run folders' parent that says that a machine sees it.
    """

    recipe: Recipe
    run_dir: Path
    data: Path
    corrections: tuple[Path, ...]
    work_dir: Path
    mark: Path
    cpus: int


def folds_of(recipe: Recipe, text: str) -> tuple[int, ...]:
    """The folds that `all` or `0,2,3` means for the recipe's data set.

    Raises:
        ConfigError: no numbers, one twice, or one that the data set does not have.
    """
    count = n_folds_of(recipe.dataset) if recipe.split == BY_PATIENT else 0
    if text == "all":
        if not count:
            raise ConfigError(
                f"--folds all: data set {recipe.dataset} with split {recipe.split!r} has no folds; "
                "name them"
            )
        return tuple(range(count))
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--folds is {text!r}; give all, or numbers such as 0,2,3") from error
    wrong = [fold for fold in found if fold < 0 or (count and fold >= count)]
    if wrong or len(set(found)) < len(found):
        known = f"each once, 0 to {count - 1}" if count else "each once, from 0"
        raise ConfigError(f"--folds is {text!r}; {known}")
    return found


def fit_pieces(
    fits: Sequence[tuple[Recipe, Path]],
    engine: Engine,
    *,
    data: Path | None = None,
    corrections: Sequence[Path] = (),
    cpus: int = 1,
    on_row: Callable[[int, Row], None] = lambda _index, _row: None,
) -> dict[int, ClinicScopeError]:
    """Makes fits, each in its run folder; those that are finished are left as they are.

    Args:
        fits: recipe and run folder of each; all folders have one parent.
        cpus: threads of each fit.
        on_row: called with each row that a fit's log gains, from another thread.

    Returns:
        The error of each fit that failed, by its index.

    Raises:
        ConfigError: a folder holds another run, or no machine has so many CPUs.
        DataError: an image or an export of corrections cannot be read, or the disk is full.
    """
    from train.fit import is_finished

    exports = read_corrections(corrections)
    left = [k for k, (recipe, run) in enumerate(fits) if not is_finished(recipe, run, exports)]
    if not left:
        return {}
    parent = fits[0][1].resolve().parent
    logs = {k: fits[k][1] / "log.csv" for k in left}
    with marked(parent) as mark, following(logs, on_row):
        root = data_root(data)
        prepare_crops(fits[left[0]][0], parent, root)
        work_dir, exported = Path.cwd(), tuple(path.resolve() for path in corrections)
        pieces = [
            Piece(fits[k][0], fits[k][1].resolve(), root, exported, work_dir, mark, cpus)
            for k in left
        ]
        # A task of another engine is in a fresh process already.
        task = fit_piece if engine.name != "local" else partial(in_fresh_process, fit_piece)
        done = engine.run(task, pieces, cpus=cpus)
        return {left[one.index]: one.error for one in done if one.error is not None}


def fit_piece(piece: Piece, beat: Beat | None = None) -> str:  # noqa: ARG001 - of a process
    """One fit, in a fresh process; a finished one stays. Returns the path of the weights.

    Raises:
        ConfigError: this machine does not see the run folder.
        ClinicScopeError: as `train.fit.fit`.
    """
    check_seen(piece.mark)
    with suppress(FileNotFoundError):
        os.chdir(piece.work_dir)
    from train.fit import fit
    from train.threads import limit_threads

    limit_threads(piece.cpus)
    return str(fit(piece.recipe, piece.run_dir, data=piece.data, corrections=piece.corrections))


def check_seen(mark: Path) -> None:
    """Raises ConfigError where this machine does not see what the one that gives the work sees."""
    until = time.monotonic() + SEEN_S
    while not mark.is_file():
        if time.monotonic() < until:
            time.sleep(LOOK_S)
            continue
        raise ConfigError(
            f"node {platform.node()} does not see {mark.parent}; --out must be in a folder that "
            "all nodes share, at the same path"
        )


@contextmanager
def marked(folder: Path) -> Iterator[Path]:
    """A file in the folder that `check_seen` looks for."""
    mark = folder / f".seen-{uuid4().hex[:12]}"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def prepare_crops(recipe: Recipe, parent: Path, data: Path) -> None:
    """Decodes the crops, which all folds share, once and not in each of them."""
    with writing(parent):
        load_crops(list_examples(recipe.dataset, data), recipe.preprocessing, parent / "cache")


@contextmanager
def following(logs: Mapping[int, Path], on_row: Callable[[int, Row], None]) -> Iterator[None]:
    """Calls `on_row` for rows that the logs gain, also for the last ones."""
    seen = {k: len(read_log(path)) for k, path in logs.items()}
    ended = threading.Event()

    def look() -> None:
        for k, path in logs.items():
            # A log that is just replaced on a shared disk is there at the next look.
            with suppress(OSError):
                rows = read_log(path)
                for row in rows[seen[k] :]:
                    on_row(k, row)
                seen[k] = max(seen[k], len(rows))

    def follow() -> None:
        while not ended.wait(LOOK_S):
            look()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()


def fold_fits(recipe: Recipe, folds: Sequence[int], out: Path) -> list[tuple[Recipe, Path]]:
    """The recipe with each fold held out, and the folder `fold<k>` of each."""
    return [(replace(recipe, held_out_fold=k), out / f"fold{k}") for k in folds]
