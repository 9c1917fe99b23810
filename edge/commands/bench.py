"""`bench`: how fast this device is, beside other models; and what packages above this measure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.joined import joined_points, load_joined, missing_extra
from edge.commands.matrix import matrix
from edge.commands.shared import model_options, open_any, progress_bar, write_json
from edge.commands.start import start
from edge.config import data_home, load_config

if TYPE_CHECKING:
    from edge.bench.record import Plan, Record
    from edge.enhancement.enhancer import Enhancer
    from edge.screening.classifier import Classifier

# Name here -> the entry point whose group has it, and its name there.
JOINED = {"fields": ("compress", "bench-fields"), "predict": ("compress", "bench-predict")}


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
        """An own measurement, or one of a package above.

        Raises:
            click.UsageError: its extra is not installed.
        """
        own = super().get_command(ctx, name)
        group_name, inner = JOINED.get(name, ("", ""))
        if own is not None:
            return own
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
    help="Another TFLite or ONNX model to time in the same run; may be given again.",
)
@click.option(
    "--batch", default=1, show_default=True, type=click.IntRange(1, 1024), help="Cells a call."
)
@click.option("--runs", default=1000, show_default=True, type=click.IntRange(20))
@click.option("--fields", default=20, show_default=True, type=click.IntRange(3))
@click.option("--camera", default="simulated", show_default=True, help="Where fields come from.")
@click.option(
    "--float",
    "float_file",
    type=click.Path(path_type=Path),
    help="The float parent, TFLite or ONNX, to compare answers with.",
)
@click.option(
    "--minutes", default=0.0, type=click.FloatRange(0), help="Also work as long without a pause."
)
@click.option("--mlperf", is_flag=True, help="Also time by the rules of MLPerf's SingleStream.")
@click.option("--mlperf-queries", default=1024, show_default=True, type=click.IntRange(1))
@click.option("--mlperf-seconds", default=600.0, show_default=True, type=click.FloatRange(0))
@click.option(
    "--sensors-root",
    default="/",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Root that /sys and /proc are read below.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a page here.")
@model_options
@click.pass_context
def bench(
    context: click.Context,
    baselines: tuple[Path, ...],
    batch: int,
    runs: int,
    fields: int,
    camera: str,
    float_file: Path | None,
    minutes: float,
    mlperf: bool,
    mlperf_queries: int,
    mlperf_seconds: float,
    sensors_root: Path,
    json_path: Path | None,
    html_path: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Time each network a cell and, where the bundle reads fields, a simulated field by stage.

    One thread by default. Times are of one cell, also where a call has many; the ratio is to the
    bundle's classifier. An enhancer is timed on one tile; the ratio is to OpenCV's bicubic resize.
    The record says whether its figures may be compared with another's, and why not where not.
    """
    if context.invoked_subcommand:
        return
    from edge.bench.lines import record_lines
    from edge.bench.record import Plan
    from edge.bench.single_stream import Rules
    from edge.store.files import make_folder, write_durably

    opened = open_any(bundle, runtime, threads or 1)
    if opened.bundle.manifest.enhancer and (baselines or batch > 1):
        raise click.UsageError("an enhancer is timed alone: leave out --baseline and --batch")
    home = data_home()
    make_folder(home)
    plan = Plan(
        baselines, runs, batch, fields, camera, home, load_config(home).protocol, float_file,
        minutes, Rules(mlperf_queries, mlperf_seconds) if mlperf else None, sensors_root,
    )  # fmt: skip
    record = _measure(opened, plan)
    if html_path:
        from edge.bench.page import render_page

        write_durably(html_path, render_page(record).encode())
    if json_path:
        from edge.contract.records import to_plain

        write_json(json_path, to_plain(record))
    else:
        _print(record, record_lines(record), as_json=False)


def _measure(opened: Classifier | Enhancer, plan: Plan) -> Record:
    from edge.bench.record import make_record

    with progress_bar() as bar:
        task = bar.add_task("measuring", total=None)
        return make_record(opened, plan, lambda what: bar.update(task, description=what))


bench.add_command(start)
bench.add_command(matrix)


@bench.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare_records(first: Path, second: Path, as_json: bool) -> None:
    """Lay two records side by side: what changed, what differs, and what may not be said."""
    from edge.bench.compare import compare, read_record
    from edge.bench.lines import comparison_lines

    found = compare(read_record(first), read_record(second))
    _print(found, comparison_lines(found), as_json)


@bench.command("check")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--runs", default=300, show_default=True, type=click.IntRange(20))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(2))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_models(
    models: tuple[Path, ...], runs: int, rounds: int, threads: int, as_json: bool
) -> None:
    """Time TFLite and ONNX models as the benchmark does, beside the library's own tool."""
    from edge.bench.lines import check_lines
    from edge.bench.reference import check_against_reference

    found = [check_against_reference(path, runs, rounds, threads) for path in models]
    _print(found, check_lines(found), as_json)


def _print(content: object, lines: Iterable[str], as_json: bool) -> None:
    from edge.contract.records import to_plain

    if as_json:
        write_json(Path("-"), to_plain(content))
        return
    for line in lines:
        click.echo(line)
