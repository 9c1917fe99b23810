"""`bundle keygen|sign|revoke|trust|keys|install`: keys, and bundles that come from outside."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.config import data_home, load_config
from edge.contract.errors import ConfigError
from edge.store.files import write_durably

if TYPE_CHECKING:
    from edge.updates.keys import SecretKey

_key_option = click.option(
    "--key", "key_path", type=click.Path(path_type=Path), required=True, help="A secret .key file."
)


@click.command()
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--succeeds", type=click.Path(path_type=Path), help="Secret .key of the key before: "
              "it vouches for the new one, so that devices take it.")  # fmt: skip
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase and protect the key by it.")
def keygen(name: Path, succeeds: Path | None, passphrase: bool) -> None:
    """Make a signing key: NAME.key stays with you, NAME.pub goes onto devices.

    With --succeeds there is NAME.statement, too, which makes devices trust the new key.
    """
    from edge.updates.keys import (
        PUBLIC_SUFFIX,
        SECRET_SUFFIX,
        format_public,
        make_key,
        write_secret,
    )
    from edge.updates.statement import STATEMENT_SUFFIX, format_statement, make_succession

    before = _open_key(succeeds) if succeeds else None
    word = (
        click.prompt("Passphrase", hide_input=True, confirmation_prompt=True) if passphrase else ""
    )
    key = make_key()
    write_secret(name.with_name(name.name + SECRET_SUFFIX), key, word)
    public = name.with_name(name.name + PUBLIC_SUFFIX)
    write_durably(public, format_public(key.public).encode())
    click.echo(f"key {key.public.key_id}: {name}{SECRET_SUFFIX} (secret) and {public}")
    if before:
        statement = name.with_name(name.name + STATEMENT_SUFFIX)
        write_durably(statement, format_statement(make_succession(key.public, before, _now())))
        click.echo(f"{statement}: key {before.public.key_id} vouches for it")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@_key_option
@click.option("--device", "devices", multiple=True, help="Model, or one device's name; several "
              "times for several.  [default: any]")  # fmt: skip
@click.option("--site", "sites", multiple=True, help="Site as its devices name it; several times "
              "for several.  [default: every site]")  # fmt: skip
@click.option("--application", "version", type=click.IntRange(1), help="PATH is an update of the "
              "program, of this number.")  # fmt: skip
def sign(
    path: Path, key_path: Path, devices: tuple[str, ...], sites: tuple[str, ...],
    version: int | None,
) -> None:  # fmt: skip
    """Sign PATH, a bundle or an update of the program, as a folder or a zip."""
    from edge.updates.signature import ANY, APPLICATION
    from edge.updates.signing import describe, describe_bundle, sign_update

    meant = devices or (ANY,)
    if version:
        unsigned = describe(path, APPLICATION, "clinicscope", version, meant, sites, _now())
    else:
        unsigned = describe_bundle(path, meant, sites, _now())
    signed = sign_update(path, unsigned, _open_key(key_path))
    where = f", at {', '.join(sites)}" if sites else ""
    click.echo(f"{signed}, for {', '.join(meant)}{where}: signed by key {signed.key_id}")


@click.command()
@click.argument("key_ids", nargs=-1, required=True)
@_key_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write, "
              "ending in .statement.")  # fmt: skip
def revoke(key_ids: tuple[str, ...], key_path: Path, out: Path) -> None:
    """Write a statement that the keys KEY_IDS are no longer to be trusted.

    With a key go those that it vouched for, but not the one that signs this.
    """
    from edge.updates.statement import format_statement, make_revocation

    write_durably(out, format_statement(make_revocation(key_ids, _open_key(key_path), _now())))
    click.echo(f"{out}: keys {', '.join(key_ids)} are revoked where it is taken")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Folder of keys; "
              "/etc/clinicscope/trust is root's.  [default: the data directory's]")  # fmt: skip
def trust(path: Path, into: Path | None) -> None:
    """Trust the key in PATH (.pub), or do what a trusted key says in it (.statement)."""
    from edge.updates.keys import PUBLIC_SUFFIX, read_public
    from edge.updates.statement import accept_statement
    from edge.updates.trust import TRUST_DIR, add_key, bundle_trust, read_trust

    home = data_home()
    folder = into or home / TRUST_DIR
    # Root's folder believes root's keys alone.
    trusted = read_trust((into,), (into,)) if into else bundle_trust(home)
    if path.suffix != PUBLIC_SUFFIX:
        click.echo(accept_statement(path.read_bytes(), path.name, trusted, folder))
        return
    key = read_public(path)
    if key.key_id in trusted.revoked:
        raise ConfigError(f"key {key.key_id} was revoked and stays so; make a new one")
    click.echo(f"key {key.key_id} is trusted: {add_key(folder, key)}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keys(as_json: bool) -> None:
    """Which keys this device trusts, for bundles and for the program."""
    from edge.updates.trust import application_trust, bundle_trust

    home = data_home()
    for_bundles, for_program = bundle_trust(home), application_trust(home)
    if as_json:
        found = {
            "bundle": sorted(for_bundles.keys),
            "application": sorted(for_program.keys),
            "revoked": sorted(for_bundles.revoked),
        }
        click.echo(json.dumps(found, indent=1))
        return
    for key in for_bundles.keys.values():
        use = "bundles and the program" if key.key_id in for_program.keys else "bundles"
        since = f", vouched for by {key.succeeds}" if key.succeeds else ""
        click.echo(f"{key.key_id}  {use}{since}")
    for key_id in sorted(for_bundles.revoked):
        click.echo(f"{key_id}  revoked")
    if not for_bundles.keys:
        click.echo("no key is trusted: no update is taken; see `clinicscope bundle trust`")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--allow-unsigned", is_flag=True, help="Install it although nobody signed it: only "
              "what you made yourself. The log and the page say so.")  # fmt: skip
@click.option("--no-use", is_flag=True, help="Install it alone; another one stays in use.")
@click.option("--by", default="console", show_default=True, help="Who decides, for the log.")
def install(path: Path, allow_unsigned: bool, no_use: bool, by: str) -> None:
    """Install a signed bundle, a folder or zip, and use it from the next start on.

    It is proven by its golden tensors first, and on trial after that: where it fails at a start,
    the device goes back by itself.
    """
    from edge.identity import read_identity
    from edge.store.store import Store
    from edge.updates.stage import Asked, install_bundle
    from edge.updates.trust import bundle_trust

    home = data_home()
    with closing(Store(home)) as store:
        asked = Asked(
            by, bundle_trust(home), read_identity(home), may_be_unsigned=allow_unsigned,
            again=True, use=not no_use,
        )  # fmt: skip
        found = install_bundle(store, load_config(home), path, asked)
    used = "is installed" if no_use else f"is installed, and active for {found.task}, on trial"
    click.echo(f"{found.bundle_id} {used}")


def _open_key(path: Path) -> SecretKey:
    from edge.updates.keys import is_protected, read_secret

    word = click.prompt(f"Passphrase of {path}", hide_input=True) if is_protected(path) else ""
    return read_secret(path, word)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
