"""`train superres study`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from train.commands.shared import data_option

if TYPE_CHECKING:
    from train.superres.study_spec import StudySpec

OUT = Path("train") / "records" / "superres" / "study"


@click.command()
@click.argument(
    "enhancer", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--network", "networks", multiple=True, help="Of the study; default: all.")
@click.option("--arms/--no-arms", default=True, help="The four kinds of pictures.")
@click.option("--leaks/--no-leaks", default=False, help="What gives 100 %, made on purpose.")
@click.option(
    "--native", is_flag=True, help="One network on cells of 128 px, in a study of its own."
)
@click.option("--fold", type=int, default=0, show_default=True, help="Held out.")
@click.option("--out", type=click.Path(path_type=Path), help=f"Default: {OUT}, or …-native.")
@click.option("--tables-only", is_flag=True, help="Remake the tables from what is on record.")
@data_option
def study(
    enhancer: Path | None,
    networks: tuple[str, ...],
    arms: bool,
    leaks: bool,
    native: bool,
    fold: int,
    out: Path | None,
    tables_only: bool,
    data: Path | None,
) -> None:
    """Classify original, downsampled, bicubic and super-resolved cells; goes on where it stopped.

    ENHANCER is a finished run of `train superres fit`, fitted on cells of 48 px (recipe rcan-48);
    without it, fits that need one are left out.
    """
    from train.superres.study_spec import NATIVE, StudySpec
    from train.superres.study_tables import write_tables

    out = out or (OUT.with_name("study-native") if native else OUT)
    if not tables_only:
        spec = NATIVE if native else StudySpec()
        spec = replace(spec, draw=replace(spec.draw, fold=fold))
        _fit(spec, out, enhancer, networks, arms, leaks, data)
    for name, table in write_tables(out).items():
        click.echo(f"{out / name}.json: {len(table.rows)} rows")


def _fit(
    spec: StudySpec,
    out: Path,
    enhancer: Path | None,
    networks: tuple[str, ...],
    arms: bool,
    leaks: bool,
    data: Path | None,
) -> None:
    from train.superres.arms import SUPER
    from train.superres.leaks import fit_leak_enhancers, leak_schemes
    from train.superres.networks import read_enhancer_recipe
    from train.superres.study import check_enhancer, run_study
    from train.superres.study_spec import arm_schemes

    def tell(line: str) -> None:
        click.echo(line, err=True)

    known = {}
    if enhancer is not None:
        check_enhancer(read_enhancer_recipe(enhancer), spec)
        known[SUPER] = enhancer
    work = Path("runs")
    settings = {"data": data, "cache": work / "cache", "tell": tell}
    if arms:
        chosen = networks or tuple(spec.budgets)
        run_study(spec, out, arm_schemes(), chosen, known, **settings)
    if leaks:
        chosen = tuple(name for name in spec.leaking if name in (networks or spec.leaking))
        known |= fit_leak_enhancers(spec, work, data=data, tell=tell)
        run_study(spec, out, leak_schemes(), chosen, known, **settings)
