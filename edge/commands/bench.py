"""`bench`: how fast this device is, beside other models."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.bench import time_fields, time_models
from edge.commands.shared import model_options, open_screener, write_json


@click.command()
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Another TFLite model to time in the same run; may be given again.",
)
@click.option("--runs", default=300, show_default=True, type=click.IntRange(20))
@click.option("--fields", default=20, show_default=True, type=click.IntRange(3))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@model_options
def bench(
    baselines: tuple[Path, ...],
    runs: int,
    fields: int,
    json_path: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Time the network a cell (batch 1) and a simulated field by stage; one thread by default."""
    screener = open_screener(bundle, runtime, threads or 1)
    models = time_models(screener, baselines, runs)
    field = time_fields(screener, fields)
    if json_path:
        content = {"models": [vars(model) for model in models], "field": vars(field)}
        write_json(json_path, content | {"ran_on": vars(screener.ran_on)})
        return
    click.echo(f"{'model':40} {'bytes':>10} {'median ms':>10} {'p95 ms':>8} {'ratio':>7}")
    for model in models:
        click.echo(
            f"{model.name:40} {model.bytes:>10,} {model.median_ms:>10.4f} "
            f"{model.p95_ms:>8.4f} {model.ratio:>6.2f}x"
        )
    click.echo(
        f"field of {field.cells:.0f} cells: {field.total_ms} ms {json.dumps(field.stages_ms)}"
    )
