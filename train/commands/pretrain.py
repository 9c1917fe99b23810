"""`train pretrain`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option
from train.recipe import load_recipe


@click.command()
@click.argument("recipe")
@click.option("--on", "unlabelled", multiple=True, required=True, help="Data set; repeatable.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="….weights.h5")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@data_option
def pretrain(
    recipe: str, unlabelled: tuple[str, ...], out: Path, epochs: int | None, data: Path | None
) -> None:
    """Pretrain RECIPE's network on cells without labels; name OUT as its model.weights."""
    from train.pretrain import pretrain as pretrain_network

    if not out.name.endswith(".weights.h5"):
        raise click.BadParameter(f"{out} must end in .weights.h5", param_hint="--out")
    loaded = load_recipe(recipe, {"fit.epochs": epochs})
    pretrain_network(
        loaded,
        unlabelled,
        out,
        data=data,
        on_epoch=lambda epoch, loss: click.echo(f"epoch {epoch:3}  loss {loss:.4f}"),
    )
    click.echo(f"weights: {out}")
