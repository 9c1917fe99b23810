"""`compress pack`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("compressed", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Bundle folder to make."
)
@click.option(
    "--novelty",
    type=click.Path(path_type=Path),
    help="Folder of the novelty network that goes beside the classifier.",
)
@click.option(
    "--finder",
    type=click.Path(path_type=Path),
    help="Folder of the finder that goes beside a classifier of fields.",
)
@click.option("--version", type=click.IntRange(1), default=1, show_default=True)
@click.option("--zip", "as_zip", is_flag=True, help="Write a zip instead of a folder.")
def pack(
    compressed: Path,
    out: Path,
    novelty: Path | None,
    finder: Path | None,
    version: int,
    as_zip: bool,
) -> None:
    """Pack what `compress run` made, with golden tensors, and prove it on this machine."""
    from compress.pack import pack_bundle
    from compress.superres.pack import pack_enhancer
    from compress.superres.record import RECORD_FILE

    if (compressed / RECORD_FILE).is_file():
        if novelty is not None or finder is not None:
            raise click.UsageError(f"{compressed} holds an enhancer; it is packed alone")
        bundle = pack_enhancer(compressed, out, version=version, as_zip=as_zip)
    else:
        bundle = pack_bundle(
            compressed, out, version=version, novelty=novelty, finder=finder, as_zip=as_zip
        )
    click.echo(f"{bundle.manifest.bundle_id} sha256 {bundle.sha256}\n{bundle.path}")
