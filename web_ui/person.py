"""Who is at the page: a name that a person gives, kept for the session until there are logins."""

from __future__ import annotations

from flask import request, session

_KEY = "person"


def person() -> str:
    """The name that was given last; empty where none was."""
    found = session.get(_KEY, "")
    return found if isinstance(found, str) else ""


def given_person() -> str:
    """The name in the form that was sent; it is remembered."""
    name = request.form.get("by", "").strip()
    if name:
        remember(name)
    return name


def remember(name: str) -> None:
    """Shows this name in the next form. A cookie is small, and a name is short."""
    session[_KEY] = name[:100]
