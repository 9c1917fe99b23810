"""`certificate`: the fingerprint of the device's own TLS certificate, and a new one on demand."""

from __future__ import annotations

import json

import click

from edge.certificate import own_names, read_certificate, renew_certificate
from edge.config import data_home, load_config
from edge.contract.errors import StoreError


@click.command()
@click.option(
    "--renew", is_flag=True, help="Make a new key and certificate; they count from the next start."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def certificate(renew: bool, as_json: bool) -> None:
    """Show what a phone must show of this device, or make another certificate."""
    home = data_home()
    if renew:
        found = renew_certificate(home, own_names(load_config(home).page.host_names))
    else:
        there = read_certificate(home)
        if there is None:
            raise StoreError(
                f"no certificate in {home}; `clinicscope certificate --renew` makes it"
            )
        found = there
    facts = {
        "fingerprint_sha256": found.fingerprint,
        "names": found.names,
        "ends_utc": found.ends.isoformat(),
        "file": str(found.path),
    }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    click.echo(f"SHA-256 {found.fingerprint}")
    click.echo(f"until {found.ends:%Y-%m-%d}, for {', '.join(found.names)}")
