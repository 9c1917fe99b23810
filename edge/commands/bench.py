"""`bench`: how fast this device is, beside other models; and what packages above this measure."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.bench.models import time_enhancer, time_fields, time_models
from edge.commands.joined import joined_points, load_joined, missing_extra
from edge.commands.shared import model_options, open_any, write_json
from edge.enhancement.enhancer import Enhancer
from edge.screening.screener import Screener

# Name here -> the entry point whose group has it, and its name there.
JOINED = {"fields": ("compress", "bench-fields")}


class Bench(click.Group):
    """Adds measurements that need the workstation's packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own measurements, and those of installed extras."""
        points = joined_points()
        own = super().list_commands(ctx)
        return own + [
            name
            for name, (group, _) in JOINED.items()
            if group in points and not missing_extra(group)
        ]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A measurement of a package above.

        Raises:
            click.UsageError: its extra is not installed.
        """
        group_name, inner = JOINED.get(name, ("", ""))
        if group_name not in joined_points():
            return None
        group = load_joined(group_name, f"bench {name}")
        return group.get_command(ctx, inner) if isinstance(group, click.Group) else None


@click.group(cls=Bench, invoke_without_command=True)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Another TFLite model to time in the same run; may be given again.",
)
@click.option(
    "--batch", default=1, show_default=True, type=click.IntRange(1, 1024), help="Cells a call."
)
@click.option("--runs", default=300, show_default=True, type=click.IntRange(20))
@click.option("--fields", default=20, show_default=True, type=click.IntRange(3))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@model_options
@click.pass_context
def bench(
    context: click.Context,
    baselines: tuple[Path, ...],
    batch: int,
    runs: int,
    fields: int,
    json_path: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Time each network a cell and, where the bundle reads fields, a simulated field by stage.

    One thread by default. Times are of one cell, also where a call has many; the ratio is to the
    bundle's classifier. An enhancer is timed on one tile; the ratio is to OpenCV's bicubic resize.
    """
    if context.invoked_subcommand:
        return
    opened = open_any(bundle, runtime, threads or 1)
    if isinstance(opened, Enhancer):
        if baselines or batch > 1:
            raise click.UsageError("an enhancer is timed alone: leave out --baseline and --batch")
        models = time_enhancer(opened, runs)
    else:
        models = time_models(opened, baselines, runs, batch)
    field = time_fields(opened, fields) if isinstance(opened, Screener) else None
    if json_path:
        content = {
            "models": [vars(model) for model in models],
            "batch": batch,
            "field": vars(field) if field else None,
            "ran_on": vars(opened.ran_on),
        }
        write_json(json_path, content)
        return
    click.echo(f"{'model':40} {'bytes':>10} {'median ms':>10} {'p95 ms':>8} {'ratio':>7}")
    for model in models:
        click.echo(
            f"{model.name:40} {model.bytes:>10,} {model.median_ms:>10.4f} "
            f"{model.p95_ms:>8.4f} {model.ratio:>6.2f}x"
        )
    if field:
        click.echo(
            f"field of {field.cells:.0f} cells: {field.total_ms} ms {json.dumps(field.stages_ms)}"
        )
