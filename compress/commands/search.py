"""`compress search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.engine import engine_options
from train.commands.shared import data_option

if TYPE_CHECKING:
    from edge.engine import EngineSettings


@click.command()
@click.argument("recipe")
@click.option("--device", required=True, help="rpi4, rpi5, rpi_zero2w, jetson_orin_nano, coral_usb")
@click.option("--trials", type=click.IntRange(1), default=30, show_default=True, help="To fit.")
@click.option("--epochs", type=click.IntRange(1), default=6, show_default=True, help="Of a trial.")
@click.option(
    "--at-once",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Candidates of a round, which are drawn and judged without knowing of each other.",
)
@click.option(
    "--cpus",
    type=click.IntRange(0),
    help="Threads of each fit, which its numbers depend on; 0 is all of the machine. Default: 1 "
    "with --at-once 2 or more, else 0.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: runs/search-RECIPE-DEVICE.")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's; it is not read.")
@click.option("--max-bytes", type=click.IntRange(1), help="Instead of the device's.")
@click.option("--max-mmac", type=click.FloatRange(0, min_open=True), help="Million MACs an image.")
@click.option("--max-ms", type=click.FloatRange(0, min_open=True), help="Predicted, an image.")
@click.option("--json", "as_json", is_flag=True, help="Print the front as JSON, nothing else.")
@engine_options
@data_option
def search(
    recipe: str,
    device: str,
    trials: int,
    epochs: int,
    at_once: int,
    cpus: int | None,
    out: Path | None,
    fold: int | None,
    max_bytes: int | None,
    max_mmac: float | None,
    max_ms: float | None,
    as_json: bool,
    data: Path | None,
    engine: EngineSettings,
) -> None:
    """Search small networks round RECIPE for a device; goes on where an earlier call stopped.

    Width, depth, input size, cut channels and bits are drawn; the front of AUC on validation
    patients, bytes and predicted milliseconds is written as tables and plots. With --engine ray the
    candidates of a round are fitted at once; --out is then on storage that all nodes share.
    """
    from compress.devices import budget_of, load_device
    from compress.search.front import Trial
    from compress.search.study import Settings
    from compress.search.study import search as run_search
    from train.recipe import load_recipe

    found = load_device(device)
    budget = budget_of(found, max_bytes=max_bytes, max_mmac=max_mmac, max_ms=max_ms)
    threads = cpus if cpus is not None else min(1, at_once - 1)
    settings = Settings(
        load_recipe(recipe, {"held_out_fold": fold}), device, budget, epochs, at_once, threads
    )
    folder = out or Path("runs") / f"search-{Path(recipe).stem}-{device}"

    def show(trial: Trial) -> None:
        one = trial.outcome
        auc = f"AUC {one.auc:.4f}" if one.auc is not None else one.reason
        click.echo(
            f"trial {trial.number:3}  {one.size_bytes:8,} bytes  {one.ms:.3g} ms predicted  "
            f"{one.candidate.bits}  {auc}",
            err=as_json,
        )

    click.echo(f"budget for {found.title}: {budget}", err=as_json)
    given = (("--fold", fold), ("--max-bytes", max_bytes), ("--max-mmac", max_mmac))
    rounds = f" --at-once {at_once} --cpus {threads}" if at_once > 1 or threads else ""
    options = "".join(
        f" {name} {value}" for name, value in (*given, ("--max-ms", max_ms)) if value is not None
    )
    front = run_search(
        settings,
        found,
        folder,
        trials=trials,
        command=f"clinicscope compress search {recipe} --device {device} --trials {trials} "
        f"--epochs {epochs}{rounds}{options} --out {folder}",
        data=data,
        engine=engine,
        on_trial=show,
    )
    if as_json:
        click.echo((folder / "front.json").read_text(), nl=False)
    else:
        click.echo(f"{len(front)} networks on the front: {folder / 'front.md'}")
