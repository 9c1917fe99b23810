"""Who may ask for what: one table, in which every endpoint has its line.

An endpoint without a line is refused, so that a new one is closed until someone thinks of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.wrappers import Response

from edge.store.tokens import (
    HEALTH,
    METRICS,
    PREDICT,
    RESULTS,
    SPECIMENS,
    ApiToken,
    Tokens,
)
from edge.store.users import ADMIN, OPERATOR, REVIEWER, User, Users
from web_ui.context import context
from web_ui.language import lazy_gettext
from web_ui.person import user, visitor

log = logging.getLogger(__name__)

FIRST_RUN_PATH = "/first-run"
_LOOPBACK = ("127.0.0.1", "::1")
_ROLE_WORDS = {
    OPERATOR: lazy_gettext("Operator"),
    REVIEWER: lazy_gettext("Reviewer"),
    ADMIN: lazy_gettext("Admin"),
}


@dataclass(frozen=True)
class Rule:
    """Of one endpoint.

    Attributes:
        least: the least role that may ask; empty where no person needs to be logged in.
        scope: of the token that a program must show; such an endpoint looks at no session.
        passive: a page asks by itself, so it does not keep a session from being locked.
        loopback: may be asked from the device itself without a token.
        first_run: open to anyone until the device has its first user.
        seen: what the log says of who looked at it; empty where it says nothing.
    """

    least: str = ""
    scope: str = ""
    passive: bool = False
    loopback: bool = False
    first_run: bool = False
    seen: str = ""

    @property
    def public(self) -> bool:
        """Anyone may ask."""
        return not self.least and not self.scope


PUBLIC = Rule()
OPERATORS, REVIEWERS, ADMINS = Rule(OPERATOR), Rule(REVIEWER), Rule(ADMIN)
WATCHING = Rule(OPERATOR, passive=True)
FIRST_RUN = Rule(ADMIN, first_run=True)
MACHINES = Rule(scope=METRICS, loopback=True)


def seen(what: str, least: str = OPERATOR) -> Rule:
    """A page about a patient: who looked at it is kept."""
    return Rule(least, seen=what)


RULES: dict[str, Rule] = {
    "static": PUBLIC,
    "about.show": OPERATORS,
    "about.health": PUBLIC,
    "api.describe": PUBLIC,
    "api.list_fields": Rule(scope=SPECIMENS, seen="field.seen"),
    "api.list_results": Rule(scope=RESULTS, seen="results.seen"),
    "api.list_specimens": Rule(scope=SPECIMENS, seen="specimens.seen"),
    "api.list_versions": Rule(scope=RESULTS, seen="result.seen"),
    "api.predict": Rule(scope=PREDICT),
    "api.show_health": Rule(scope=HEALTH),
    "api.show_result": Rule(scope=RESULTS, seen="result.seen"),
    "api.show_specimen": Rule(scope=SPECIMENS, seen="specimen.seen"),
    "api.start_specimen": Rule(scope=SPECIMENS),
    "api.stop_specimen": Rule(scope=SPECIMENS),
    "benchmark.download": OPERATORS,
    "benchmark.lay_side_by_side": OPERATORS,
    "benchmark.progress": WATCHING,
    "benchmark.run": ADMINS,
    "benchmark.see": OPERATORS,
    "benchmark.show": OPERATORS,
    "benchmark.stop": ADMINS,
    "camera.guide": WATCHING,
    "camera.preview": WATCHING,
    "camera.state": WATCHING,
    "camera.state_json": WATCHING,
    "camera.stream": WATCHING,
    "capture.choose_mode": OPERATORS,
    "capture.go_on": OPERATORS,
    "capture.pause": OPERATORS,
    "capture.resume": OPERATORS,
    "capture.take": OPERATORS,
    "capture.take_back": OPERATORS,
    "certificate.code": OPERATORS,
    "certificate.show": OPERATORS,
    "correcting.show": seen("specimen.seen"),
    "correcting.store": OPERATORS,
    "evidence.cell_image": OPERATORS,
    "evidence.context_image": OPERATORS,
    "evidence.enhanced_image": OPERATORS,
    "evidence.field_image": OPERATORS,
    "evidence.heat_image": OPERATORS,
    "evidence.object_image": OPERATORS,
    "evidence.show_field": seen("field.seen"),
    "images.batch": OPERATORS,
    "images.heat": OPERATORS,
    "images.one": OPERATORS,
    "images.picture": OPERATORS,
    "images.rows": WATCHING,
    "images.send": OPERATORS,
    "images.show": OPERATORS,
    "images.table": OPERATORS,
    "first_run.account": FIRST_RUN,
    "first_run.checks": ADMINS,
    "first_run.make_account": FIRST_RUN,
    "first_run.place": FIRST_RUN,
    "first_run.practise": ADMINS,
    "first_run.save_place": FIRST_RUN,
    "first_run.show": FIRST_RUN,
    "health.check": OPERATORS,
    "health.checks": WATCHING,
    "health.show": OPERATORS,
    "health.support": ADMINS,
    "language.choose": PUBLIC,
    "exporting.arrived": REVIEWERS,
    "exporting.fetch": REVIEWERS,
    "exporting.part": Rule(REVIEWER, passive=True),
    "exporting.show": REVIEWERS,
    "exporting.start_backup": REVIEWERS,
    "exporting.start_export": REVIEWERS,
    "login.awake": OPERATORS,
    "login.enter": PUBLIC,
    "login.lock": PUBLIC,
    "login.out": PUBLIC,
    "login.show": PUBLIC,
    "login.unlock": PUBLIC,
    "metrics.show": MACHINES,
    "monthly.month_pdf": OPERATORS,
    "monthly.show": OPERATORS,
    "pwa.icon": PUBLIC,
    "pwa.manifest": PUBLIC,
    "pwa.offline": PUBLIC,
    "pwa.worker": PUBLIC,
    "records.import_worklist": OPERATORS,
    "records.show": OPERATORS,
    "reports.html": seen("report.seen"),
    "reports.pdf": seen("report.seen"),
    "review.judge": REVIEWERS,
    "review.show": seen("review.seen", REVIEWER),
    "sending.retry": OPERATORS,
    "sending.send_now": OPERATORS,
    "sending.show": OPERATORS,
    "settings.activate_model": ADMINS,
    "settings.add_token": ADMINS,
    "settings.add_user": ADMINS,
    "settings.camera": ADMINS,
    "settings.change_access": ADMINS,
    "settings.change_role": ADMINS,
    "settings.clinic": ADMINS,
    "settings.model": OPERATORS,
    "settings.models": OPERATORS,
    "settings.network": OPERATORS,
    "settings.network_code": OPERATORS,
    "settings.own_password": OPERATORS,
    "settings.protocol": ADMINS,
    "settings.restart": ADMINS,
    "settings.restarting": ADMINS,
    "settings.revoke_token": ADMINS,
    "settings.roll_back_model": ADMINS,
    "settings.save_camera": ADMINS,
    "settings.save_clinic": ADMINS,
    "settings.save_own_password": OPERATORS,
    "settings.save_protocol": ADMINS,
    "settings.set_password": ADMINS,
    "settings.show": OPERATORS,
    "settings.tokens": ADMINS,
    "settings.users": ADMINS,
    "signing.show": seen("result.seen", REVIEWER),
    "signing.show_amendment": seen("result.seen", REVIEWER),
    "signing.store_amendment": REVIEWERS,
    "signing.store_signature": REVIEWERS,
    "specimens.create": OPERATORS,
    "specimens.history": OPERATORS,
    "specimens.new": OPERATORS,
    "specimens.progress": WATCHING,
    "specimens.show": seen("specimen.seen"),
    "specimens.stop": OPERATORS,
    "statistics.show": OPERATORS,
    "tally.density": REVIEWERS,
    "tally.show": seen("specimen.seen", REVIEWER),
    "tally.add": REVIEWERS,
    "theme.choose": PUBLIC,
    "today.show": OPERATORS,
    "waiting.show": OPERATORS,
    "xrays.create": OPERATORS,
    "xrays.heat": OPERATORS,
    "xrays.judge": REVIEWERS,
    "xrays.new": OPERATORS,
    "xrays.picture": OPERATORS,
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
    shown = request.authorization
    secret = shown.token if shown is not None and shown.type == "bearer" else None
    token = Tokens(context().store).find(secret) if secret else None
    if token is None:
        abort(401, "show a token that is not revoked", www_authenticate=WWWAuthenticate("bearer"))
    if rule.scope not in token.scopes:
        abort(403, f"this token has no scope {rule.scope!r}")
    g.token = token


def _refuse_person(rule: Rule) -> Response | None:
    who = user()
    if who is None:
        if not Users(context().store).exist():
            return None if rule.first_run else _send_to(FIRST_RUN_PATH)
        return _send_to(_way_in())
    if not who.may(rule.least):
        _tell(who, rule)
        abort(403)
    found = visitor()
    if not rule.passive and found is not None:
        context().sessions.touch(found.session_name)
    return None


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
    return url_for(endpoint, next=_where())


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
