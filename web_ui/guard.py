"""Lets an app answer only those whom `web_ui.access` allows, and shows the others the way in."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.wrappers import Response

from edge.store.tokens import ApiToken
from edge.store.users import ADMIN, OPERATOR, REVIEWER, User, Users
from web_ui.access import RULES, Rule
from web_ui.context import context
from web_ui.language import lazy_gettext
from web_ui.person import user, visitor
from web_ui.programs import shown_token
from web_ui.setup_code import may_set_up

log = logging.getLogger(__name__)

FIRST_RUN_PATH, SETUP_CODE_PATH = "/first-run", "/first-run/code"
_LOOPBACK = ("127.0.0.1", "::1")
_ROLE_WORDS = {
    OPERATOR: lazy_gettext("Operator"),
    REVIEWER: lazy_gettext("Reviewer"),
    ADMIN: lazy_gettext("Admin"),
}


def guard(app: Flask) -> None:
    """Lets an app answer only those who may ask. Register before what reads a request's body."""
    app.before_request(_refuse)
    app.jinja_env.globals.update(user=user, allowed=allowed, lock_after_s=lock_after_s)
    app.jinja_env.filters["role_words"] = role_words


def allowed(endpoint: str) -> bool:
    """Whether the person at the page may ask for an endpoint; what she may not is not offered."""
    rule, who = RULES.get(endpoint), user()
    if rule is None:
        return False
    return rule.public or (who is not None and bool(rule.least) and who.may(rule.least))


def lock_after_s() -> int:
    """Seconds without a tap until the screen locks."""
    return context().sessions.settings.lock_after_minutes * 60


def role_words(role: str) -> str:
    """A role in the reader's language."""
    return str(_ROLE_WORDS[role])


def program() -> ApiToken:
    """The token of the program that asks, where the rule has a scope."""
    found: ApiToken = g.token
    return found


def _refuse() -> Response | None:
    if request.endpoint is None:
        return None  # There is nothing at this address, and everyone may know that.
    rule = RULES.get(request.endpoint)
    if rule is None:
        log.error("endpoint %s has no rule in web_ui.access and is closed", request.endpoint)
        abort(403)
    if rule.public:
        return None
    if rule.scope:
        _refuse_program(rule)
        return None
    return _refuse_person(rule)


def _refuse_program(rule: Rule) -> None:
    if rule.loopback and request.remote_addr in _LOOPBACK:
        return
    token = shown_token()
    if token is None:
        abort(401, "show a token that is not revoked", www_authenticate=WWWAuthenticate("bearer"))
    if rule.scope not in token.scopes:
        abort(403, f"this token has no scope {rule.scope!r}")
    g.token = token


def _refuse_person(rule: Rule) -> Response | None:
    who = user()
    if who is None:
        if not Users(context().store).exist():
            return _first_run(rule)
        return _send_to(_way_in())
    if not who.may(rule.least):
        _tell(who, rule)
        abort(403)
    found = visitor()
    if not rule.passive and found is not None:
        context().sessions.touch(found.session_name)
    return None


def _first_run(rule: Rule) -> Response | None:
    """To the first run and no further; from elsewhere only with the device's code."""
    if not may_set_up():
        return _send_to(SETUP_CODE_PATH)
    return None if rule.first_run else _send_to(FIRST_RUN_PATH)


def _tell(who: User, rule: Rule) -> None:
    log.warning(
        "user %d (%s) asked for %s, which needs the role %s",
        who.user_id,
        who.role,
        request.endpoint,
        rule.least,
    )


def _way_in() -> str:
    """Lock screen or login, and back from there."""
    endpoint = "login.lock" if visitor() is not None else "login.show"
    # What was sent is not kept for later: whoever logs in next may be another person.
    unsent = None if request.method in ("GET", "HEAD") else 1
    return url_for(endpoint, next=_where(), unsent=unsent)


def _where() -> str:
    """The page to come back to; of what was sent, or fetched by a page, that page."""
    if request.method == "GET" and "HX-Request" not in request.headers:
        return request.full_path.rstrip("?")
    page = urlsplit(request.referrer or "")
    return safe_path(page.path + ("?" + page.query if page.query else ""))


def _send_to(address: str) -> Response:
    if "HX-Request" not in request.headers:
        return redirect(address, 303)
    # htmx would put the login into the middle of the page.
    response = Response("", 401)
    response.headers["HX-Redirect"] = address
    return response


def safe_path(asked: str) -> str:
    """A page of this device to go on to; its first page where this names another place."""
    # A browser reads // and /\ as the beginning of another host, and passes over tabs and the like.
    local = asked.startswith("/") and not asked.startswith(("//", "/\\"))
    return asked if local and asked.isprintable() and len(asked) <= 500 else "/"
