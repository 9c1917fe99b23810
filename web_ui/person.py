"""Who is at the page: the person who logged in, by Flask-Login over the sessions of this process.

What she may do is in `web_ui.access`.
"""

from __future__ import annotations

from flask import Flask, current_app, session
from flask_login import (  # type: ignore[import-untyped]
    LoginManager,
    UserMixin,
    current_user,
    login_user,
)

from edge.contract.errors import NotFoundError
from edge.store.users import User, Users
from web_ui.context import context


class Visitor(UserMixin):  # type: ignore[misc]
    """A person in her session, as Flask-Login asks for her."""

    def __init__(self, session_name: str, user: User, *, locked: bool = False) -> None:
        self.session_name = session_name
        self.user = user
        self.locked = locked

    @property
    def language(self) -> str:
        """Of her pages; empty where she chose none."""
        return self.user.language

    def get_id(self) -> str:
        """What the cookie holds: no id of a person, but the name of her session."""
        return self.session_name


def know_visitors(app: Flask) -> None:
    """Lets an app know who asks."""
    manager = LoginManager(app)
    # A session is bound to no address: a phone gets another one as it walks through the clinic.
    manager.session_protection = None
    manager.user_loader(_load)


def _load(session_name: str) -> Visitor | None:
    here = context()
    found = here.sessions.find(session_name)
    if found is None:
        return None
    try:
        user = Users(here.store).get(found.user_id)
    except NotFoundError:
        user = None
    if user is None or user.disabled or user.stamp != found.stamp:
        here.sessions.end(session_name)
        return None
    return Visitor(session_name, user, locked=found.locked)


def visitor() -> Visitor | None:
    """Who is logged in, behind a lock screen or not."""
    if not hasattr(current_app, "login_manager"):
        return None  # The page that says why the service could not start.
    found = current_user._get_current_object()
    return found if isinstance(found, Visitor) else None


def user() -> User | None:
    """Who may see and do things now; None where nobody is logged in or her screen is locked."""
    found = visitor()
    return found.user if found is not None and not found.locked else None


def person() -> str:
    """Her name, as it stands under what she decides; empty where nobody is logged in."""
    found = user()
    return found.name if found is not None else ""


def let_in(who: User) -> None:
    """Begins a session of this person. Nothing that the browser had before goes on in it.

    A cookie that someone else planted, with its token against forged forms, is worth nothing then.
    """
    end_session()
    login_user(Visitor(context().sessions.begin(who), who))


def end_session() -> None:
    """Ends the browser's session, whoever still has a copy of its cookie."""
    found = visitor()
    if found is not None:
        context().sessions.end(found.session_name)
    session.clear()
