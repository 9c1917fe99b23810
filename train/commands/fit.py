"""`train fit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from edge.contract.errors import ConfigError, DataError
from edge.engine import Engine, EngineSettings, engine_options, open_engine
from train.commands.fit_progress import Show, progress
from train.commands.shared import corrections_option, data_option
from train.recipe import Recipe, load_recipe
from train.recipe_file import parse_setting


@click.command()
@click.argument("recipe")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder, or that of folds; runs/RECIPE."
)
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option("--folds", metavar="all|0,2,3", help="A fit for each, in OUT/fold0 and so on.")
@click.option(
    "--replicas", type=int, help="Workers that make one fit together, each a share of a batch."
)
@click.option(
    "--cpus",
    type=click.IntRange(1),
    help="Threads of each fit or worker, which its numbers depend on; 1 with --folds, --replicas "
    "or an engine, else all.",
)
@click.option("--set", "settings", multiple=True, help="KEY=VALUE, e.g. augmentation.stain=0.")
@corrections_option
@data_option
@engine_options
def fit(
    recipe: str,
    out: Path | None,
    epochs: int | None,
    fold: int | None,
    folds: str | None,
    replicas: int | None,
    cpus: int | None,
    settings: tuple[str, ...],
    corrections: tuple[Path, ...],
    data: Path | None,
    engine: EngineSettings,
) -> None:
    """Fit RECIPE (a shipped name or a .toml file); goes on where an earlier call stopped.

    Folds that are finished are not made again.
    """
    if folds is not None and (fold is not None or replicas is not None):
        raise ConfigError("--folds goes with neither --fold nor --replicas; leave one out")
    given = {"fit.epochs": epochs, "held_out_fold": fold}
    loaded = load_recipe(recipe, given | dict(map(parse_setting, settings)))
    out = out or Path("runs") / Path(recipe).stem
    if (folds, replicas, cpus) == (None, None, None) and engine.name == "local":
        return _fit_here(loaded, out, data, corrections)
    with open_engine(engine) as opened:
        if replicas is not None:
            return _fit_together(loaded, out, data, corrections, opened, replicas, cpus or 1)
        return _fit_pieces(loaded, out, data, corrections, opened, folds, cpus or 1)


def _fit_here(recipe: Recipe, out: Path, data: Path | None, corrections: Sequence[Path]) -> None:
    # TensorFlow takes seconds to load, and `--help` must not.
    from train.fit import fit as fit_run

    with progress([""], recipe.fit.epochs) as show:
        weights = fit_run(
            recipe, out, data=data, corrections=corrections, on_epoch=lambda row: show(0, row)
        )
    click.echo(f"weights: {weights}")


def _fit_pieces(
    recipe: Recipe,
    out: Path,
    data: Path | None,
    corrections: Sequence[Path],
    engine: Engine,
    folds: str | None,
    cpus: int,
) -> None:
    from train.fit_pieces import fit_pieces, fold_fits, folds_of

    fits = [(recipe, out)]
    if folds is not None:
        fits = fold_fits(recipe, folds_of(recipe, folds), out)
    names = ["" if folds is None else f"fold {recipe.held_out_fold}" for recipe, _ in fits]

    def run(show: Show) -> dict[int, Exception]:
        return dict(
            fit_pieces(fits, engine, data=data, corrections=corrections, cpus=cpus, on_row=show)
        )

    _report(run, names, recipe.fit.epochs, [run_dir for _, run_dir in fits])


def _report(
    run: Callable[[Show], dict[int, Exception]],
    names: Sequence[str],
    epochs: int,
    run_dirs: Sequence[Path],
) -> None:
    from train.networks import WEIGHTS_FILE

    with progress(names, epochs) as show:
        failed = run(show)
    for index, run_dir in enumerate(run_dirs):
        if index not in failed:
            click.echo(f"weights: {run_dir / WEIGHTS_FILE}")
    if len(failed) == len(run_dirs) == 1:
        raise failed[0]
    for index, error in sorted(failed.items()):
        click.echo(f"{names[index]}: {error}", err=True)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(names)} folds failed: "
            f"{', '.join(names[k].removeprefix('fold ') for k in sorted(failed))}; the others are "
            "done; run the same command again for these"
        )


def _fit_together(
    recipe: Recipe,
    out: Path,
    data: Path | None,
    corrections: Sequence[Path],
    engine: Engine,
    replicas: int,
    cpus: int,
) -> None:
    from train.networks import WEIGHTS_FILE
    from train.replicas import check_replicas_of, fit_together, open_crew

    check_replicas_of(recipe, replicas)
    crew = open_crew(engine, replicas, cpus)
    with progress([""], recipe.fit.epochs) as show:
        fit_together(
            recipe,
            out,
            crew,
            data=data,
            corrections=corrections,
            on_row=show,
            on_restart=lambda why: click.echo(
                f"{why}; the workers start again from the last checkpoint", err=True
            ),
        )
    click.echo(f"weights: {out / WEIGHTS_FILE}")
