"""`device`: who this device is, and what its first start sets up."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import click

from edge.config import data_home
from edge.contract.errors import StoreError
from edge.first_boot import Change, draw_identity, set_up
from edge.hotspot import HOTSPOT_FILE, read_hotspot
from edge.identity import DEVICE_FILE, device_name, read_identity
from edge.setup_code import kept_code


@click.group()
def device() -> None:
    """Who this device is: its name, its board, its hotspot."""


@device.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Say name, board and site."""
    found = read_identity(data_home())
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    click.echo(f"{found.device_name}, {found.model}, site {found.site or 'not given'}")


@device.command()
def name() -> None:
    """Draw the device's name where it has none, and say it."""
    home = data_home()
    _tell(draw_identity(home))
    click.echo(device_name(home))


@device.command("set-up")
def set_up_command() -> None:
    """As root: host's name, and the hotspot with a password of its own.

    Each start does so; what is there is left alone.
    """
    home = data_home()
    if os.geteuid() != 0:
        raise StoreError("this changes the system; run it as root: sudo clinicscope device set-up")
    if not (home / DEVICE_FILE).is_file():
        raise StoreError(
            f"there is no {home / DEVICE_FILE} yet; first run `clinicscope device name` as the "
            "user of the service"
        )
    _tell(set_up(device_name(home), code=kept_code(home)))


@device.command()
def hotspot() -> None:
    """Show the hotspot's name and password, and a code to join it by."""
    import segno

    found = read_hotspot()
    if found is None:
        raise StoreError(
            f"{HOTSPOT_FILE} is not there, or you may not read it; run this with sudo on a device "
            "with a hotspot"
        )
    segno.make(found.to_join(), micro=False).terminal(compact=True)
    click.echo(f"Wi-Fi {found.name}, password {found.password}")


def _tell(done: list[Change]) -> None:
    for change in done:
        click.echo(change.what, err=True)
