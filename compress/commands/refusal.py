"""`compress refusal`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option

TITLE = "What is no red cell and no smear"
QUESTION = "How much of it does the device refuse, and how many red cells with it?"


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@click.option("--pictures", default=200, show_default=True, help="Of each kind, single ones.")
@click.option("--cells", default=2000, show_default=True, help="Of each label of a data set.")
@click.option("--fields", default=40, show_default=True, help="Of each kind and data set.")
@click.option("--fold", default=0, show_default=True, help="What it holds out.")
@click.option("--seed", default=0, show_default=True, help="Of what is drawn.")
@click.option("--out", type=click.Path(path_type=Path), help="Study, .json, for the report.")
@data_option
def refusal(
    bundle: Path,
    pictures: int,
    cells: int,
    fields: int,
    fold: int,
    seed: int,
    out: Path | None,
    data: Path | None,
) -> None:
    """Shares that a bundle for fields (BUNDLE) refuses: of what is no blood, and of red cells.

    Pictures go the device's way: singly as in `classify`, and as fields.
    """
    from compress.refusal import COLUMNS, Sizes, measure_refusal
    from edge.config import DeviceConfig
    from edge.contract.bundle import open_bundle
    from edge.installed import prove_screener
    from train.studies import Study, write_study

    sizes = Sizes(pictures, cells, fields, fold, seed)
    screener = prove_screener(open_bundle(bundle), DeviceConfig())
    rows = []
    click.echo("  ".join(COLUMNS))
    for refused in measure_refusal(screener, sizes, data=data, cache=Path("runs") / "cache"):
        rows.append(refused.row())
        click.echo("  ".join(str(cell) for cell in rows[-1]))
    screener.close()
    if out:
        options = f"--pictures {pictures} --cells {cells} --fields {fields} --fold {fold}"
        command = f"clinicscope compress refusal {bundle} {options} --seed {seed} --out {out}"
        write_study(out, Study(TITLE, QUESTION, command, COLUMNS, tuple(rows)))
