"""`bench predict`, which `compress bench-predict` is, too."""

from __future__ import annotations

from pathlib import Path

import click

from edge.commands.shared import write_json


@click.command("bench-predict")
@click.argument("models", nargs=-1, type=click.Path(path_type=Path))
@click.option("--device", required=True, help="One of compress/devices.toml, such as rpi4.")
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Bundle, instead of the active one."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench_predict(
    models: tuple[Path, ...], device: str, bundle: Path | None, as_json: bool
) -> None:
    """Predict what the bundle's networks, or MODELS, take on a device: no measurement.

    From multiply-accumulates counted in the files and from figures of the devices that others
    published or that were estimated; the range is from kernels that fit the network to ones that
    do not.
    """
    from compress.devices import load_device
    from compress.predicted import predict_bundle, predict_file
    from edge.config import data_home, load_config
    from edge.contract.records import to_plain
    from edge.installed import find_bundle

    known, home = load_device(device), data_home()
    config = load_config(home, bundle=str(bundle) if bundle else None)
    if models:
        found = [predict_file(path, known, config.protocol) for path in models]
    else:
        found = predict_bundle(find_bundle(home, config.bundle), known, config.protocol)
    if as_json:
        write_json(Path("-"), to_plain(found))
        return
    for one in found:
        click.echo(
            f"{one.name} on {one.device}: {one.ms:.3g} to {one.slow_ms:.3g} ms an image "
            f"({one.kind}; {one.macs / 1e6:.1f} MMAC, {one.bits}); {one.slide_s:.3g} to "
            f"{one.slow_slide_s:.3g} s for {config.protocol.minimum_rbc_count:,} of them, as many "
            "as a slide has cells, by this network alone"
        )
