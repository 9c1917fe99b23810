"""`train superres …`: enhancers, and what they buy."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option
from train.commands.superres_measure import evaluate, report, sheet
from train.commands.superres_study import study
from train.recipe_file import parse_setting


@click.group()
def superres() -> None:
    """Fit networks that enlarge twofold, measure them, and see what they buy."""


@superres.command()
@click.argument("recipe")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/superres-RECIPE.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="fit.epochs=3")
@data_option
def fit(
    recipe: str, fold: int | None, out: Path | None, settings: tuple[str, ...], data: Path | None
) -> None:
    """Fit an enhancer; called again, it goes on where it stopped.

    RECIPE is one of train/superres/recipes, or a .toml file.
    """
    from train.superres.fit import fit_enhancer
    from train.superres.recipe import load_enhancer_recipe

    overrides = dict(parse_setting(text) for text in settings) | {"held_out_fold": fold}
    found = load_enhancer_recipe(recipe, overrides)
    run_dir = out or Path("runs") / f"superres-{Path(recipe).stem}"

    def tell(row: dict[str, float]) -> None:
        click.echo(
            f"epoch {row['epoch']:.0f}: loss {row['loss']:.5f}, validation "
            f"{row['validation_psnr_db']:.2f} dB (bicubic {row['bicubic_psnr_db']:.2f}), "
            f"{row['seconds']:.0f} s",
            err=True,
        )

    click.echo(fit_enhancer(found, run_dir, data=data, on_epoch=tell))


for command in (evaluate, sheet, report, study):
    superres.add_command(command)
