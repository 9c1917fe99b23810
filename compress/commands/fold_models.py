"""`compress fold-models`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command("fold-models")
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: train/records/fields/models."
)
@click.option(
    "--records",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of STUDENT/fold<k>; default: train/records.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("runs/lab"),
    show_default=True,
    help="Variants and prepared crops, kept between calls.",
)
@data_option
def fold_models(
    tasks: tuple[str, ...], out: Path | None, records: Path | None, work: Path, data: Path | None
) -> None:
    """Make the INT8 networks of every fold that `bench fields` reads whole fields with.

    TASK is one of compress/recipes, or a .toml file of that kind; malaria-cells, malaria-cells-nih
    and malaria-stages by default. Each fold's threshold is chosen on the held-out nih-cells of the
    other folds.
    """
    from compress.fields.fold_models import MODELS_DIR
    from compress.fields.making import TASKS, MakeSettings, make_fold_models
    from train.models.start_weights import KEPT_DIR

    settings = MakeSettings(
        out or MODELS_DIR,
        work,
        records or KEPT_DIR,
        data,
        tell=lambda text: click.echo(text, err=True),
    )
    for model in make_fold_models(tasks or TASKS, settings).models:
        at = "" if model.threshold is None else f", threshold {model.threshold:.4f}"
        click.echo(f"{model.weights.file}: {model.weights.bytes:,} bytes{at}")
