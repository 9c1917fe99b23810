"""`users`: the people who may use the page, set by whoever may use this program on the device.

So this is also the way back in where every admin has forgotten her password.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict

import click

from edge.commands.records import open_records
from edge.config import data_home
from edge.contract.errors import DataError
from edge.store.store import Store
from edge.store.users import OPERATOR, ROLES, User, Users

# Who the log names: a person at the console, not one of the page's.
BY = "console"

_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)
_role = click.Choice(ROLES)


@click.group()
def users() -> None:
    """Add people, change their roles and passwords, disable them."""


@users.command()
@click.argument("name")
@click.option("--role", type=_role, default=OPERATOR, show_default=True)
@click.option("--language", default="", help="Of her pages, such as sw; she may change it.")
@_from_stdin
def add(name: str, role: str, language: str, password_stdin: bool) -> None:
    """Add a person; makes the records where there are none yet."""
    password = _new_password(password_stdin)
    with closing(Store(data_home())) as store:
        added = Users(store).add(name, role, password, BY, language)
    click.echo(f"{_shown(added.name)} may log in as {added.role}")


@users.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_users(as_json: bool) -> None:
    """Show everyone, the disabled ones too."""
    with open_records() as store:
        found = Users(store).all()
    if as_json:
        click.echo(json.dumps([_plain(user) for user in found], indent=1))
        return
    for user in found:
        state = "disabled" if user.disabled else user.role
        click.echo(f"{user.user_id:>4}  {state:<9}  {user.created_utc}  {_shown(user.name)}")


@users.command()
@click.argument("name")
@click.argument("new_role", type=_role)
def role(name: str, new_role: str) -> None:
    """Give a person another role; ends her sessions."""
    with open_records() as store:
        changed = Users(store).change_role(Users(store).named(name).user_id, new_role, BY)
    click.echo(f"{_shown(changed.name)} is {changed.role}")


@users.command()
@click.argument("name")
@_from_stdin
def password(name: str, password_stdin: bool) -> None:
    """Give a person another password; ends her sessions."""
    with open_records() as store:
        found = Users(store).named(name)
        Users(store).set_password(found.user_id, _new_password(password_stdin), BY)
    click.echo(f"{_shown(found.name)} has a new password")


@users.command()
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let her log in again.")
def disable(name: str, undo: bool) -> None:
    """Keep a person out from now on; what she decided stays."""
    with open_records() as store:
        found = Users(store).disable(Users(store).named(name).user_id, BY, disabled=not undo)
    click.echo(f"{_shown(found.name)} {'may not' if found.disabled else 'may'} log in")


def _new_password(from_stdin: bool) -> str:
    if not from_stdin:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise DataError("standard input holds no password; give it as one line")
    return given


def _plain(user: User) -> dict[str, object]:
    plain = asdict(user)
    del plain["stamp"]
    return plain


def _shown(name: str) -> str:
    # As JSON writes it: a name must not move the terminal's cursor.
    return json.dumps(name, ensure_ascii=False)[1:-1]
