"""`compress novelty`."""

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
@click.option("--fold", "folds", type=int, multiple=True, default=(0,), show_default=True)
@click.option("--form", "names", multiple=True, help="A variant; repeatable. Default: four.")
@click.option("--runs", default=300, show_default=True, help="Timed calls of each file.")
@click.option("--out", type=click.Path(path_type=Path), help="Study, .json, for the report.")
@data_option
def novelty(
    run_dirs: tuple[Path, ...],
    folds: tuple[int, ...],
    names: tuple[str, ...],
    runs: int,
    out: Path | None,
    data: Path | None,
) -> None:
    """Make novelty networks into files: bytes, time a cell, and the AUC that each form loses.

    A classifier of the same data set may be among RUN_DIR, to compare the time. Only figures of one
    call compare: files are timed in turns. Do nothing else on the machine meanwhile.
    """
    from compress.novelty_forms import FORMS, forms_of, forms_study
    from train.novelty.systems import Sources
    from train.studies import write_study

    sources = Sources(folds, "", data, Path("runs") / "cache")
    forms = [form for path in run_dirs for form in forms_of(path, names or FORMS, sources)]
    words = ["clinicscope compress novelty", *map(str, run_dirs)]
    words += [f"--fold {fold}" for fold in folds] + [f"--form {name}" for name in names]
    words += [f"--out {out}"] * (out is not None)
    study = forms_study(forms, runs, " ".join(words))
    click.echo("  ".join(study.columns))
    for row in study.rows:
        click.echo("  ".join(str(cell) for cell in row))
    if out:
        write_study(out, study)
