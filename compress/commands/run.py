"""`compress run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.engine import engine_options
from train.commands.shared import corrections_option, data_option

if TYPE_CHECKING:
    from compress.run import Settings
    from edge.engine import EngineSettings


@click.command()
@click.argument("task")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: runs/lab, or RUN_DIR/compressed."
)
@click.option(
    "--peers",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of models to measure beside.",
)
@click.option("--kept", is_flag=True, help="Take fits from the records that keep their weights.")
@click.option("--timed-runs", type=click.IntRange(10), default=300, show_default=True)
@click.option(
    "--cpus",
    type=click.IntRange(1),
    help="Threads of each fold's fit, which its numbers depend on; 1 on Ray, else all.",
)
@corrections_option
@data_option
@engine_options
def run(
    task: str,
    out: Path | None,
    peers: Path | None,
    kept: bool,
    timed_runs: int,
    cpus: int | None,
    corrections: tuple[Path, ...],
    data: Path | None,
    engine: EngineSettings,
) -> None:
    """From recipe to what `compress pack` takes: fit, quantise, compare, choose thresholds.

    TASK is one of compress/recipes, a .toml file of that kind, or a run folder of `train fit`, of
    which only what ships is made. What a stopped call has made is not made again. With --engine ray
    the folds are fitted at once; --out is then on storage that all nodes share. An enhancer has
    neither peers nor timed runs nor corrections here: `compress superres` times it.
    """
    from compress.run import Settings
    from compress.superres.recipe import is_enhancer_lab

    is_run = (Path(task) / "recipe.json").is_file()
    folder = out or (Path(task) / "compressed" if is_run else Path("runs/lab"))
    command = f"clinicscope compress run {Path(task).name}" + " --peers PEERS" * bool(peers)
    settings = Settings(
        folder,
        data,
        peers,
        kept,
        command,
        timed_runs,
        corrections,
        engine,
        cpus,
        tell=lambda text: click.echo(text, err=True),
    )
    if is_enhancer_lab(task):
        if corrections:
            raise click.UsageError(f"{task} is an enhancer, which learns from no --corrections")
        if cpus or engine.name != "local":
            raise click.UsageError(f"{task} is an enhancer of one fit; leave out --engine, --cpus")
        _run_enhancer(task, settings)
    else:
        _run_task(task, settings)


def _run_task(task: str, settings: Settings) -> None:
    from compress.compressed import read_compressed
    from compress.run import run_task

    made = run_task(task, settings)
    record = read_compressed(made)
    parity = record.parity
    for weights, variant in zip(record.weights, record.variants, strict=True):
        click.echo(f"{weights.file}: {variant}, {weights.bytes:,} bytes")
    click.echo(
        f"held-out fold {record.recipe.held_out_fold}: AUC {parity.auc_int8:.4f}, float "
        f"{parity.auc_float:.4f}; calls agree {parity.calls_agree_fraction:.2%}\n{made}"
    )


def _run_enhancer(task: str, settings: Settings) -> None:
    from compress.superres.record import read_enhancer
    from compress.superres.run import run_enhancer

    made = run_enhancer(task, settings)
    record = read_enhancer(made)
    for weights in record.weights:
        click.echo(f"{weights.file}: full INT8, {weights.bytes:,} bytes")
    for one in record.agreements:
        click.echo(
            f"{one.pairs}, {one.place}, {one.runtime}: {one.psnr_int8_db:.2f} dB, float "
            f"{one.psnr_float_db:.2f}, {one.n_images:,} images"
        )
    click.echo(made)
