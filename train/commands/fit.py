"""`train fit`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import corrections_option, data_option
from train.recipe import load_recipe
from train.recipe_file import parse_setting


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; default: runs/RECIPE.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option("--set", "settings", multiple=True, help="KEY=VALUE, e.g. augmentation.stain=0.")
@corrections_option
@data_option
def fit(
    recipe: str,
    out: Path | None,
    epochs: int | None,
    fold: int | None,
    settings: tuple[str, ...],
    corrections: tuple[Path, ...],
    data: Path | None,
) -> None:
    """Fit RECIPE (a shipped name or a .toml file); goes on where an earlier call stopped."""
    # TensorFlow takes seconds to load, and `--help` must not.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from train.fit import fit as fit_run

    given = {"fit.epochs": epochs, "held_out_fold": fold}
    loaded = load_recipe(recipe, given | dict(map(parse_setting, settings)))
    run_dir = out or Path("runs") / Path(recipe).stem
    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bar:
        task = bar.add_task("Fitting", total=loaded.fit.epochs)

        def show(row: dict[str, float]) -> None:
            bar.update(task, completed=row["epoch"])
            bar.console.print(
                f"epoch {row['epoch']:3}  loss {row['loss']:.4f}  validation AUC "
                f"{row['validation_auc']:.4f}  {row['seconds']:.0f} s"
            )

        weights = fit_run(loaded, run_dir, data=data, corrections=corrections, on_epoch=show)
    click.echo(f"weights: {weights}")
