"""`compress edgetpu`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from compress.edge_tpu import Placed
    from edge.contract.bundle import Bundle


@click.command()
@click.argument("model", metavar="BUNDLE|FILE", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say which operations would run where.")
@click.option("--out", type=click.Path(path_type=Path), help="Bundle or .tflite file to make.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def edgetpu(model: Path, check: bool, out: Path | None, as_json: bool) -> None:
    """Compile a bundle's networks, or one TFLite file, for Coral's Edge TPU.

    Needs edgetpu_compiler on the PATH. A network that takes images of any size stays as it is, and
    runs on the processor beside the compiled ones.
    """
    from compress.edge_tpu import place_operations
    from compress.edge_tpu_compiler import find_compiler
    from edge.contract.bundle import open_bundle

    if not check and out is None:
        raise click.UsageError("give --out, or --check to compile nothing")
    if not check:
        find_compiler()
    bundle = None if model.is_file() and model.suffix == ".tflite" else open_bundle(model)
    networks = {model.name: model.read_bytes()} if bundle is None else _networks(bundle)
    any_size = _any_size(bundle) if bundle else frozenset()
    placed = {
        name: place_operations(content, name, any_size=name in any_size)
        for name, content in networks.items()
    }
    if as_json:
        plain = {name: [vars(one) for one in found] for name, found in placed.items()}
        click.echo(json.dumps(plain, indent=1))
    else:
        for name, found in placed.items():
            _print(name, found)
    if out is None or check:
        return
    if bundle is None:
        _compile_file(model.name, networks[model.name], out, to_stderr=as_json)
    else:
        _compile_bundle(bundle, networks, out, to_stderr=as_json)


def _networks(bundle: Bundle) -> dict[str, bytes]:
    """The TFLite networks of a bundle by file."""
    return {
        weights.file: bundle.weights_bytes(weights)
        for weights in bundle.manifest.weights
        if weights.format == "tflite"
    }


def _any_size(bundle: Bundle) -> frozenset[str]:
    """Files of networks that the device gives images of any size."""
    return frozenset(
        weights.file
        for weights in bundle.manifest.weights
        if any(side < 0 for side in weights.inputs[0].shape[1:])
    )


def _print(name: str, placed: Sequence[Placed]) -> None:
    on_tpu = sum(one.on_tpu for one in placed)
    click.echo(f"{name}: {on_tpu} of {len(placed)} operations on the Edge TPU")
    for one in placed:
        where = "Edge TPU" if one.on_tpu else "processor"
        click.echo(f"  {where:10} {one.kind:22} {one.why}".rstrip())


def _compile_file(name: str, content: bytes, out: Path, *, to_stderr: bool) -> None:
    from compress.edge_tpu_compiler import compile_model
    from edge.store.files import write_durably

    made = compile_model(content, name)
    write_durably(out, made.content)
    click.echo(f"{name}: {made}", err=to_stderr)


def _compile_bundle(
    bundle: Bundle, networks: Mapping[str, bytes], out: Path, *, to_stderr: bool
) -> None:
    from compress.edge_tpu_compiler import add_compiled, compile_model
    from edge.contract.errors import DataError

    compiled, refused = {}, []
    for weights in bundle.manifest.weights:
        if weights.file not in networks:
            continue
        try:
            compiled[weights.role] = compile_model(
                networks[weights.file], weights.file, any_size=weights.file in _any_size(bundle)
            )
        except DataError as error:
            refused.append(str(error))
            click.echo(f"not compiled: {error}", err=to_stderr)
    if not compiled:
        raise DataError(f"none of the networks could be compiled: {'; '.join(refused)}")
    made = add_compiled(bundle, compiled, out, as_zip=out.suffix == ".zip")
    for role, model in compiled.items():
        click.echo(f"{role}: {model}", err=to_stderr)
    click.echo(f"{made.manifest.bundle_id} sha256 {made.sha256}\n{made.path}", err=to_stderr)
