"""`train novelty`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument(
    "run_dirs",
    nargs=-1,
    metavar="[RUN_DIR...]",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--fold", "folds", type=int, multiple=True, default=(0,), show_default=True)
@click.option(
    "--classifier",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Run of a classifier of the same data set, to be combined with.",
)
@click.option("--away", default="iml-cells", show_default=True, help='Another microscope, or "".')
@click.option(
    "--false-alarm",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Of healthy validation cells, at the threshold.",
)
@click.option("--baselines/--no-baselines", default=True, help="Hand feature and PCA beside them.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for novelty….json studies.")
@click.option("--name", default="novelty", show_default=True, help="What the studies are named.")
@click.option("--page", type=click.Path(path_type=Path), help="HTML page with curves.")
@data_option
def novelty(
    run_dirs: tuple[Path, ...],
    folds: tuple[int, ...],
    classifier: Path | None,
    away: str,
    false_alarm: float,
    baselines: bool,
    out: Path | None,
    name: str,
    page: Path | None,
    data: Path | None,
) -> None:
    """Compare novelty networks and baselines on held-out patients and on another microscope.

    Each RUN_DIR is a run folder, or one of folds; all are measured on the same folds. Three tables:
    the systems, slides adjusted to their own majority, and each system beside the classifier.
    """
    from train.novelty.study import adjusted_study, combined_study, systems_study
    from train.novelty.systems import Sources, score_baselines, score_run
    from train.report.novelty import write_novelty_page
    from train.studies import write_study

    sources = Sources(folds, away, data, Path("runs") / "cache")
    systems = score_baselines(sources) if baselines else []
    for run_dir in run_dirs:
        systems.append(score_run(run_dir, sources))
        click.echo(f"scored: {run_dir}", err=True)
    if not systems:
        raise click.UsageError("nothing to compare: give a RUN_DIR, or leave --no-baselines out")
    command = _command(run_dirs, folds, classifier, away, false_alarm, baselines, out, name)
    studies = {
        name: systems_study(systems, false_alarm, command, away),
        f"{name}-adjusted": adjusted_study(systems, false_alarm, command),
    }
    if classifier is not None:
        beside = score_run(classifier, sources)
        studies[f"{name}-combined"] = combined_study(systems, beside, command)
    for key, study in studies.items():
        click.echo("  ".join(study.columns))
        for row in study.rows:
            click.echo("  ".join(str(cell) for cell in row))
        if out:
            write_study(out / f"{key}.json", study)
    if page:
        written = write_novelty_page(page, systems, list(studies.values()), false_alarm)
        click.echo(f"page: {written}")


def _command(
    run_dirs: tuple[Path, ...],
    folds: tuple[int, ...],
    classifier: Path | None,
    away: str,
    false_alarm: float,
    baselines: bool,
    out: Path | None,
    name: str,
) -> str:
    words = ["clinicscope train novelty", *map(str, run_dirs)]
    words += [f"--fold {fold}" for fold in folds]
    words += [f"--classifier {classifier}"] * (classifier is not None)
    words += [f'--away "{away}"'] * (away != "iml-cells")
    words += [f"--false-alarm {false_alarm}"] * (false_alarm != 0.05)
    words += ["--no-baselines"] * (not baselines)
    words += [f"--out {out}"] * (out is not None) + [f"--name {name}"] * (name != "novelty")
    return " ".join(words)
