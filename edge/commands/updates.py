"""`updates`: what a stick brings, taken where it is for this device."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.config import data_home, load_config
from edge.store.store import Store

if TYPE_CHECKING:
    from edge.updates.stick import Outcome


@click.group()
def updates() -> None:
    """Take signed updates of bundles and of the program from a stick."""


@updates.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder to look at, instead of every drive that is plugged in.",
)
@click.option("--by", default="USB stick", show_default=True, help="Who brings it, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(folder: Path | None, by: str, as_json: bool) -> int:
    """Look for the folder clinicscope-updates on drives, and take what is for this device.

    Exit code 3 where something was refused: it is altered, unsigned, or of a key nobody trusts.
    """
    from edge.drives import find_drives
    from edge.updates.stick import REFUSED, STICK_FOLDER, check_stick, stick_check

    home = data_home()
    outcomes: list[Outcome] = []
    with closing(Store(home)) as store:
        on_drives = [drive.path / STICK_FOLDER for drive in find_drives(home)]
        folders = [folder] if folder else [path for path in on_drives if path.is_dir()]
        for one in folders:
            outcomes += check_stick(stick_check(store, load_config(home), by), one)
    _tell(outcomes, as_json)
    return 3 if any(one.outcome == REFUSED for one in outcomes) else 0


def _tell(outcomes: list[Outcome], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(one) for one in outcomes], indent=1))
        return
    for one in outcomes:
        click.echo(f"{one.outcome:8} {one.path}  {one.what}: {one.why}")
    if not outcomes:
        click.echo("no update is on any drive that is plugged in")
