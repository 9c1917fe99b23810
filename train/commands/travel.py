"""`train travel`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument(
    "run_dirs",
    nargs=-1,
    required=True,
    metavar="RUN_DIR...",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--dataset", default="iml-cells", show_default=True, help="Data set of elsewhere.")
@click.option(
    "--adaptation",
    "adaptations",
    multiple=True,
    default=("none",),
    show_default=True,
    help="Field by field, unlabelled; repeatable.",
)
@click.option(
    "--views",
    multiple=True,
    type=click.IntRange(1, 8),
    default=(1,),
    show_default=True,
    help="Flips and turns to average; repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Study, .json, for the report.")
@data_option
def travel(
    run_dirs: tuple[Path, ...],
    dataset: str,
    adaptations: tuple[str, ...],
    views: tuple[int, ...],
    out: Path | None,
    data: Path | None,
) -> None:
    """Compare runs, and unlabelled adaptations, on a microscope that none of them has seen.

    Each RUN_DIR is a run folder, or one of folds: the mean of their networks. On blood without
    malaria (bccd-cells, chula-cells) every positive call is false, and there is no AUC.
    """
    from train.studies import TRAVEL_COLUMNS, Study, travel_rows, write_study

    rows = []
    click.echo("  ".join(TRAVEL_COLUMNS))
    for row in travel_rows(run_dirs, dataset, adaptations, views, data=data):
        click.echo("  ".join(str(value) or "–" for value in row))
        rows.append(row)
    if out:
        names = " ".join(str(path) for path in run_dirs)
        options = "".join(f" --adaptation {name}" for name in adaptations)
        options += "".join(f" --views {count}" for count in views)
        study = Study(
            title="Another microscope",
            question=f"What helps a network on {dataset}, which it has never seen?",
            command=f"clinicscope train travel {names} --dataset {dataset}{options} --out {out}",
            columns=TRAVEL_COLUMNS,
            rows=tuple(rows),
        )
        write_study(out, study)
