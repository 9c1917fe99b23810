"""`train finder …`: the network that finds the cells of a field."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option
from train.recipe_file import parse_setting


@click.group()
def finder() -> None:
    """Fit the network that finds the cells of a field."""


@finder.command()
@click.argument("recipe", default="cell-finder")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/RECIPE/foldN.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="fit.epochs=3")
@data_option
def fit(
    recipe: str, fold: int | None, out: Path | None, settings: tuple[str, ...], data: Path | None
) -> None:
    """Fit a finder on iml-fields; called again, it goes on where it stopped.

    RECIPE is one of train/finder/recipes, or a .toml file.
    """
    from train.finder.fit import fit_finder
    from train.finder.recipe import load_finder_recipe

    overrides = dict(parse_setting(text) for text in settings) | {"held_out_fold": fold}
    found = load_finder_recipe(recipe, overrides)
    run_dir = out or Path("runs") / Path(recipe).stem / f"fold{found.held_out_fold}"

    def tell(row: dict[str, float]) -> None:
        click.echo(
            f"epoch {row['epoch']:.0f}: loss {row['loss']:.4f}, {row['seconds']:.0f} s", err=True
        )

    click.echo(fit_finder(found, run_dir, data=data, on_epoch=tell))
