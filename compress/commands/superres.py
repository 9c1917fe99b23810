"""`compress superres`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option

SPEED = Path("train") / "records" / "superres" / "speed.json"


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="RUN_DIR [RUN_DIR|BUNDLE]...",
    type=click.Path(path_type=Path, exists=True),
)
@click.option("--runs", default=300, show_default=True, help="Timed calls of each file.")
@click.option("--per-class", default=100, show_default=True, help="Cells that set INT8's ranges.")
@click.option("--out", type=click.Path(path_type=Path), default=SPEED, show_default=True)
@data_option
def superres(
    paths: tuple[Path, ...], runs: int, per_class: int, out: Path, data: Path | None
) -> None:
    """Time enhancers in every form against OpenCV's bicubic, and measure what each restores.

    A RUN_DIR is a folder of `train superres fit`, whose held-out cells all are measured on; a
    BUNDLE gives its files as they ship. Only figures of one call compare: files are timed in turns.
    Do nothing else on the machine meanwhile.
    """
    from compress.superres.speed import candidates_of, load_speed_pairs, measure_speed
    from train.superres.speed import write_speed

    pairs = load_speed_pairs(paths[0], data)
    candidates = [one for path in paths for one in candidates_of(path, data, per_class)]
    speed = measure_speed(candidates, pairs, runs)
    click.echo(f"{speed.unit}: {speed.bicubic_us:.1f} us on {speed.machine}")
    click.echo("  ".join(("system", "form", "bytes", "us", "x bicubic", "dB whole", "dB inside")))
    for row in speed.systems:
        click.echo(
            f"{row.name}  {row.format or '-'}  {row.bytes:,}  {row.median_us:.1f}  {row.ratio:.2f}"
            f"  {row.psnr_gain_db:+.2f}  {row.psnr_gain_inside_db:+.2f}"
        )
    write_speed(out, speed)
