"""`fleet`: what this device is, and the inventories of several devices as one table."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from edge.config import data_home
from edge.store.files import write_durably

_out = click.option("--out", type=click.Path(path_type=Path), help="Write it here.  [default: "
                    "standard output]")  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="JSON, which `fleet join` reads.")
_csv = click.option("--csv", "as_csv", is_flag=True, help="A table for a spreadsheet.")


@click.group()
def fleet() -> None:
    """Look after several devices: what each one is, runs and lacks. Holds no patient data."""


@fleet.command()
@_json
@_csv
@_out
def inventory(as_json: bool, as_csv: bool, out: Path | None) -> None:
    """Tell device, site, versions, bundles, health, last backup and queue of this device."""
    from edge.fleet.inventory import format_inventory, take_inventory
    from edge.fleet.table import COLUMNS, format_csv, row_of
    from edge.store.store import Store

    with closing(Store(data_home())) as store:
        found = take_inventory(store)
    if as_json:
        _write(format_inventory(found).decode(), out)
    elif as_csv:
        _write(format_csv([found]), out)
    else:
        lines = [f"{name:16}{told}" for name, told in zip(COLUMNS, row_of(found), strict=True)]
        _write("\n".join([*lines, ""]), out)


@fleet.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@_json
@_csv
@_out
def join(paths: tuple[Path, ...], as_json: bool, as_csv: bool, out: Path | None) -> int:
    """Join the inventories in PATHS (files, or folders of them): the newest of each device.

    Exit code 3 where a file is no inventory, or two boards have one name; the rest is joined.
    """
    from edge.contract.records import to_plain
    from edge.fleet.table import format_csv, read_inventories

    devices, problems = read_inventories(paths)
    if as_json:
        text = json.dumps([to_plain(one) for one in devices], indent=1, ensure_ascii=False) + "\n"
    elif as_csv:
        text = format_csv(devices)
    else:
        text = "".join(
            f"{one.device_name}  {one.site or 'no site'}  {one.model}  program {one.program}  "
            f"{one.health}  backed up {one.last_backup_utc or 'never'}  "
            f"{one.waiting + one.given_up} to be sent  {one.at_utc}\n"
            for one in devices
        )
    _write(text, out)
    for problem in problems:
        click.echo(problem, err=True)
    return 3 if problems else 0


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
    else:
        write_durably(out, text.encode())
