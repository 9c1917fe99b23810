"""`compress run | pack`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from train.commands.shared import data_option


@click.group()
def compress() -> None:
    """Quantise a fitted model and pack it as a bundle (workstation)."""


@compress.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Default: RUN_DIR/compressed.")
@data_option
def run(run_dir: Path, out: Path | None, data: Path | None) -> None:
    """Full INT8 of a fit: quantise, choose operating points, compare with float, evaluate."""
    from compress.run import RECORD_FILE, compress_run

    folder = compress_run(run_dir, out or run_dir / "compressed", data=data)
    record = json.loads((folder / RECORD_FILE).read_text())
    auc = record["evaluation"][0]["metrics"]["auc"]
    parity = record["parity"]
    click.echo(
        f"{record['weights']['bytes']:,} bytes; held-out AUC {auc['value']:.4f} "
        f"({auc['ci_low']:.4f} to {auc['ci_high']:.4f}); float {parity['auc_float']:.4f}; "
        f"calls agree {parity['calls_agree_fraction']:.2%}\n{folder}"
    )


@compress.command()
@click.argument("compressed", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Bundle folder to make."
)
@click.option("--version", type=click.IntRange(1), default=1, show_default=True)
@click.option("--zip", "as_zip", is_flag=True, help="Write a zip instead of a folder.")
def pack(compressed: Path, out: Path, version: int, as_zip: bool) -> None:
    """Pack what `compress run` made, with golden tensors, and prove it on this machine."""
    from compress.pack import pack_bundle

    bundle = pack_bundle(compressed, out, version=version, as_zip=as_zip)
    click.echo(f"{bundle.manifest.bundle_id} sha256 {bundle.sha256}\n{bundle.path}")
