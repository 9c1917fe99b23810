"""`train travel-threshold`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option

RUN = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("travel-threshold")
@click.argument("classifier", type=RUN)
@click.argument("novelty", type=RUN)
@click.option("--dataset", default="iml-cells", show_default=True, help="Data set of elsewhere.")
@click.option(
    "--specificity",
    "specificities",
    multiple=True,
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=(0.98, 0.983, 0.985),
    show_default=True,
    help="At home, that the threshold is fixed at; repeatable.",
)
@click.option(
    "--logits",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/travel"),
    show_default=True,
    help="Logits of elsewhere, kept between calls.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the studies travel-threshold.json and travel-site.json.",
)
@data_option
def travel_threshold(
    classifier: Path,
    novelty: Path,
    dataset: str,
    specificities: tuple[float, ...],
    logits: Path,
    out: Path | None,
    data: Path | None,
) -> None:
    """What a threshold fixed on nih-cells becomes on a microscope that no network has seen.

    CLASSIFIER and NOVELTY are folders of folds, fitted on nih-cells alone. Half of the slides
    elsewhere are for choosing a rule, the other half for its figures; both are printed.
    """
    from train.studies import Study, write_study
    from train.threshold_studies import (
        SITE_COLUMNS,
        THRESHOLD_COLUMNS,
        read_both,
        site_rows,
        threshold_rows,
    )

    home, away = read_both(classifier, novelty, dataset, logits, data=data)
    options = "".join(f" --specificity {value}" for value in specificities)
    command = f"clinicscope train travel-threshold {classifier} {novelty} --dataset {dataset}"
    studies = (
        (
            "travel-threshold",
            "A threshold that travels",
            f"What helps {dataset}, without a label from there, at a threshold fixed at home?",
            THRESHOLD_COLUMNS,
            threshold_rows(home, away, specificities),
        ),
        (
            "travel-site",
            "Twenty labelled cells set a site's threshold",
            f"What do ten cells of each class, of three slides, change on the rest of {dataset}?",
            SITE_COLUMNS,
            site_rows(home, away),
        ),
    )
    for name, title, question, columns, rows in studies:
        click.echo("  ".join(columns))
        for row in rows:
            click.echo("  ".join(str(value) for value in row))
        if out:
            made_by = f"{command}{options} --out {out}"
            write_study(out / f"{name}.json", Study(title, question, made_by, columns, tuple(rows)))
