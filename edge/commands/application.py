"""`application`: versions of the program itself, made, put in force, watched and taken back.

Most of these are run by the units of firmware_config/update, as root.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.config import data_home, load_config

if TYPE_CHECKING:
    from edge.updates.application import Versions
    from edge.updates.apply import Device
    from edge.updates.as_owner import Owner

_EX_TEMPFAIL = 75  # sysexits.h; the unit tries again later
_root = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default="/opt/clinicscope",
    show_default=True,
    help="Folder of the versions.",
)
_trust = click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False),
    default="/etc/clinicscope/trust",
    show_default=True,
    help="Folder of the keys that root trusts.",
)
_url = click.option(
    "--url",
    default="https://127.0.0.1/healthz",
    show_default=True,
    help="Where the page says whether the device may screen.",
)


@click.group()
def application() -> None:
    """Make an update of the program, and put it in force on a device."""


@application.command()
@click.argument("checkout", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make; sign "
              "it with `clinicscope bundle sign`.")  # fmt: skip
@click.option("--machine", type=click.Choice(("aarch64", "x86_64")), default="aarch64",
              show_default=True, help="Processor of the device.")  # fmt: skip
@click.option("--python", default="3.11", show_default=True, help="Python of the device.")
@click.option("--also", "locks", multiple=True, type=click.Path(path_type=Path, exists=True),
              help="Another lock, such as a Raspberry Pi's camera.lock; several times where "
              "needed.")  # fmt: skip
def pack(checkout: Path, out: Path, machine: str, python: str, locks: tuple[Path, ...]) -> None:
    """Make an update from CHECKOUT: its program, and every locked wheel that it needs there.

    It installs without any network. The wheels are fetched for the device's processor, with the
    hashes of requirements/device.lock.
    """
    from edge.updates.pack_application import pack_application

    packed = pack_application(checkout, out, machine, python, locks)
    click.echo(
        f"{out}: program {packed.program} for {packed.machine}, Python {packed.python}, "
        f"{packed.wheels} wheels, {packed.size_bytes:,} bytes; not signed yet"
    )


@application.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--again", is_flag=True, help="Even a version that was taken back here.")
@_root
@_trust
def apply(files: tuple[Path, ...], again: bool, root: Path, trust: Path) -> int:
    """Put the update in FILES in force, or those that the service laid out for root.

    Exit code 75 where a specimen is being screened: nothing was done, try again later.
    """
    from edge.contract.errors import BusyError, ClinicScopeError
    from edge.updates.apply import apply_update
    from edge.updates.incoming import waiting

    device = _device(root, trust)
    home = device.owner.home
    wanted, code = files or tuple(waiting(home)), 0
    for path in wanted:
        try:
            found = apply_update(device, path, again=again)
        except BusyError as error:
            click.echo(f"later: {error}", err=True)
            return _EX_TEMPFAIL
        except ClinicScopeError as error:
            click.echo(f"error: {path.name}: {error}", err=True)
            code = error.exit_code
        else:
            click.echo(f"version {found.program} ({found.number}) is in force, on trial")
        if not files:
            device.owner.remove(path)
    return code


@application.command()
@_root
@_url
@click.option("--well", "well_s", default=60.0, show_default=True, help="Seconds without a break.")
@click.option("--within", "within_s", default=300.0, show_default=True, help="Seconds in all.")
def observe(root: Path, url: str, well_s: float, within_s: float) -> int:
    """Watch a version on trial, and find it good or take it back; exit code 4 where it went.

    Without a trial it only waits until the page is well.
    """
    from edge.updates.application import Versions
    from edge.updates.as_owner import Owner
    from edge.updates.trial import read_trial
    from edge.updates.watch import Patience, find_good, is_well

    versions, owner = Versions(root), Owner(data_home())
    problem = is_well(url, Patience(well_s, within_s))
    if problem and read_trial(versions) is not None:
        _back(versions, owner, f"the page was not well: {problem}")
        return 4
    if problem:
        click.echo(f"not well: {problem}", err=True)
        return 4
    found = find_good(versions, owner)
    click.echo(f"version {found.program} is good" if found else "well; nothing is on trial")
    return 0


@application.command()
@_root
@click.option("--why", default="a person asked for it", help="For the log and the page.")
@click.option("--no-service", is_flag=True, help="The service neither runs nor is started.")
@click.option("--asked", is_flag=True, help="Somebody asked for it on the page; the log says who.")
def rollback(root: Path, why: str, no_service: bool, asked: bool) -> None:
    """Go back to the version before."""
    from edge.updates.application import Versions
    from edge.updates.as_owner import Owner
    from edge.updates.asking import take_asked

    owner = Owner(data_home())
    why = f"{take_asked(owner)} asked for it on the page" if asked else why
    _back(Versions(root), owner, why, no_service=no_service)


@application.command()
@_root
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(root: Path, as_json: bool) -> None:
    """Say which version is in force, which was before, and what became of the last update."""
    from edge.updates.standing import standing_of

    found = standing_of(root)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    click.echo(f"in force  {found.program or 'not known'} ({found.number})")
    click.echo(f"before    {found.before or 'none'}")
    if found.on_trial:
        click.echo("on trial  goes back by itself unless the page stays well")
    if found.last:
        why = f": {found.last.why}" if found.last.why else ""
        click.echo(f"last      {found.last.program or found.last.file} {found.last.outcome}{why}")


@application.command(hidden=True)
def look() -> None:
    """Say which device this is, and whether a specimen is being screened."""
    from edge.updates.look import format_look
    from edge.updates.look import look as look_at

    click.echo(format_look(look_at(data_home())))


@application.command(hidden=True)
def prove() -> None:
    """Pass the golden tensors on this device, and migrate a copy of the records."""
    from edge.installed import load_screener
    from edge.updates.kept_records import try_migration

    home = data_home()
    screener = load_screener(home, load_config(home))
    ran_on = screener.ran_on
    screener.close()
    told = try_migration(home)
    click.echo(f"{ran_on.bundle_id} is sound on {ran_on.runtime}/{ran_on.accelerator}; {told}")


@application.command(hidden=True)
def camera() -> None:
    """Take a picture with the device's camera, where it has one."""
    from edge.cameras.device import try_camera

    config = load_config(data_home()).camera
    if config.name:
        click.echo(try_camera(config))


@application.command("keep-records", hidden=True)
@click.argument("program")
def keep_records_(program: str) -> None:
    """Copy the records before PROGRAM opens them; print the copy's name."""
    from edge.updates.kept_records import keep_records

    click.echo(keep_records(data_home(), program))


@application.command("records-back", hidden=True)
@click.argument("name")
def records_back_(name: str) -> None:
    """Bring back the copy NAME where this version cannot read what a newer one made."""
    from edge.updates.kept_records import records_back

    click.echo(records_back(data_home(), name))


@application.command("forget-records", hidden=True)
@click.argument("name")
def forget_records_(name: str) -> None:
    """Remove the copy NAME of the records."""
    from edge.updates.kept_records import forget_records

    forget_records(data_home(), name)


def _device(root: Path, trust: Path) -> Device:
    from edge.updates.application import Versions
    from edge.updates.apply import Device
    from edge.updates.as_owner import Owner
    from edge.updates.service_control import service_of_this_machine
    from edge.updates.trust import TRUST_DIR, read_trust

    home = data_home()
    # Root's keys alone: who may write the data directory must not name who replaces the program.
    keys = read_trust((trust,), (trust, home / TRUST_DIR))
    return Device(Versions(root), Owner(home), keys, service_of_this_machine())


def _back(versions: Versions, owner: Owner, why: str, *, no_service: bool = False) -> None:
    from edge.updates.go_back import go_back
    from edge.updates.service_control import NoService, service_of_this_machine

    service = NoService() if no_service else service_of_this_machine()
    service.stop()
    try:
        found = go_back(versions, owner, why)
    finally:
        service.start()
    click.echo(f"version {found.program} is in force again: {why}")
