"""`train folds`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("dataset")
@click.option("--folds", "n_folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Breaks ties.")
@click.option("--force", is_flag=True, help="Replace folds that are there: older runs are void.")
@data_option
def folds(dataset: str, n_folds: int, seed: int, force: bool, data: Path | None) -> None:
    """Deal the patients of DATASET into folds, a file that is kept in git."""
    from edge.contract.errors import ConfigError
    from train import splits
    from train.datasets.base import labels_of, list_examples

    path = splits.FOLDS_DIR / f"{dataset}.json"
    labels, examples = labels_of(dataset), list_examples(dataset, data)
    if path.exists() and not force:
        raise ConfigError(
            f"{path} is there; new folds make runs on the old ones incomparable. --force replaces "
            "it"
        )
    n_patients = len({example.patient for example in examples})
    # Each fold takes one, and so does each of the parts of which one is the validation part.
    if n_patients < n_folds + splits.VALIDATION_PARTS:
        raise ConfigError(f"{dataset} has {n_patients} patients, too few for {n_folds} folds")
    written = splits.write_folds(dataset, examples, n_folds, seed)
    for fold in range(n_folds):
        for part in ("train", "validation", "test"):
            found = splits.load_split(dataset, fold).part_of(examples, part)
            counts = (
                f"{sum(e.label == n for e in found):,} {name}" for n, name in enumerate(labels)
            )
            click.echo(f"fold {fold}  {part:10}  {', '.join(counts)}")
    click.echo(f"folds: {written}")
