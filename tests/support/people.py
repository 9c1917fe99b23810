"""People of a test's device, and browsers that one of them has logged in with."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from edge.contract.errors import NotFoundError
from edge.store.passwords import Cost
from edge.store.store import Store
from edge.store.users import ADMIN, User, Users
from web_ui.context import Context

NAME, PASSWORD = "A. Reader", "blue kettle ladder"
# A test proves who gets in, not how long guessing would take.
CHEAP = Cost(n=2, r=1, p=1)


def add_person(store: Store, role: str = ADMIN, name: str = NAME) -> User:
    """A person with the tests' password, or the one who is there."""
    users = Users(store, CHEAP)
    try:
        return users.named(name)
    except NotFoundError:
        return users.add(name, role, PASSWORD, "test")


def logged_in(app: Flask, role: str = ADMIN, name: str = NAME) -> FlaskClient:
    """A browser with a session of its own; the login page itself is tested apart."""
    here: Context = app.extensions["clinicscope"]
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = here.sessions.begin(add_person(here.store, role, name))
    return client
