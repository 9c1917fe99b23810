"""`compress finder`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to fill.")
@data_option
def finder(run: Path, out: Path, data: Path | None) -> None:
    """Make a fitted finder INT8 and measure it on the fields that its fold held out.

    RUN is a finished run of `train finder fit`; `compress pack --finder` takes the folder.
    """
    from compress.finder.run import compress_finder

    record = compress_finder(run, out, data, lambda text: click.echo(text, err=True))
    parity = record.parity
    click.echo(
        f"{out}: {', '.join(f'{w.format} {w.bytes:,} bytes' for w in record.weights)}; finds "
        f"{parity.recall_int8:.2%} of {parity.n_cells:,} cells (float {parity.recall_float:.2%}), "
        f"{parity.precision_int8:.2%} of what it finds is labelled "
        f"(float {parity.precision_float:.2%})"
    )
