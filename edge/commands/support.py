"""`support`: one file for who has to help, as the page's button makes it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from edge.commands.shared import accelerator_options, device_config
from edge.config import data_home
from edge.health.everything import check_all
from edge.store.files import write_durably
from edge.store.store import Store


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write it here.  [default: named by "
              "the time, in this folder]")  # fmt: skip
@accelerator_options
def support(out: Path | None) -> None:
    """Write a file for support: device, settings, checks and log, without patient data."""
    from edge.support.make import file_name, make_support_zip

    home = data_home()
    config = device_config(home)
    checks = check_all(home, config)
    with closing(Store(home)) as store:
        content = make_support_zip(store, config, checks)
        path = out or Path(file_name(store))
    write_durably(path, content)
    click.echo(f"{path}: {len(content):,} bytes, without patient data")
