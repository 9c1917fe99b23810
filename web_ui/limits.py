"""How often and how much may be asked: against guessed passwords, and one client that takes all.

Counted in this process's memory, for each session or token, or address where there is neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, abort, make_response, request, session
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded

from web_ui.api.problems import answer_error, asked_by_program
from web_ui.errors import ErrorText, error_page
from web_ui.language import gettext as _
from web_ui.language import ngettext
from web_ui.programs import shown_token
from web_ui.senders import SMALL_BODY_BYTES, is_unread

# A page with all its pictures is about eighty requests.
EVERYTHING = "3000 per minute"
UPLOADS = "60 per 10 minutes"
# Endpoints that take files, each under UPLOADS; the body of any other is small.
TAKES_FILES = (
    "images.send",
    "records.import_worklist",
    "settings.install_update",
    "specimens.create",
    "xrays.create",
)
_CLOCK_JUMP_S = 30.0


@dataclass(frozen=True)
class Guess:
    """A limit on wrong passwords or codes at an endpoint.

    Attributes:
        often: how many, in the words of Flask-Limiter.
        whose: what they are counted for.
    """

    endpoint: str
    often: str
    whose: Callable[[], str]


def asker() -> str:
    """Whom a request is counted for. The cookie is signed, so nobody makes a new one at will.

    Several programs may ask from one address, and one from several.
    """
    if asked_by_program():
        token = shown_token()
        return _address() if token is None else f"token {token.token_id}"
    found = session.get("_user_id")
    return found if isinstance(found, str) else _address()


def _address() -> str:
    return request.remote_addr or "nobody"


def _everyone() -> str:
    return "everyone"


def _name() -> str:
    return request.form.get("name", "")[:100].casefold()


def _name_and_address() -> str:
    return f"{_address()} {_name()}"


# Few for one name from one place; more for a place, where several people share a phone; and so many
# for a name from all places that guessing is hopeless, and its owner is seldom kept out by others.
GUESSES = (
    Guess("login.enter", "5 per minute; 20 per hour", _name_and_address),
    Guess("login.enter", "20 per minute; 100 per hour", _address),
    Guess("login.enter", "100 per hour", _name),
    Guess("login.unlock", "5 per minute; 20 per hour", asker),
    Guess("first_run.enter_code", "5 per minute; 20 per hour", _address),
    Guess("first_run.enter_code", "100 per hour", _everyone),
    Guess("settings.save_own_password", "5 per minute; 20 per hour", asker),
)


def count_requests(app: Flask) -> Limiter:
    """Counts an app's requests; call it before anything that reads what was sent."""
    limiter = Limiter(asker, application_limits=[EVERYTHING], storage_uri="memory://")
    app.before_request(_forget_at_clock_jumps(limiter))
    app.before_request(_take_little)
    limiter.init_app(app)
    limiter.request_filter(lambda: request.endpoint == "static")
    app.register_error_handler(RateLimitExceeded, _answer_with(limiter))
    return limiter


def refuse_unread(app: Flask) -> None:
    """Answers for what was too large to be kept; call it after `guard`, which asks who sent it."""

    def refuse() -> None:
        if is_unread(request.environ):
            abort(413)

    app.before_request(refuse)


def limit_endpoints(app: Flask, limiter: Limiter) -> None:
    """Sets the limits of single endpoints; call it once they are registered."""
    views: dict[str, Any] = app.view_functions
    for guess in GUESSES:
        limit = limiter.limit(
            guess.often, key_func=guess.whose, deduct_when=_was_wrong, scope=guess.whose.__name__
        )
        views[guess.endpoint] = limit(views[guess.endpoint])
    for endpoint in TAKES_FILES:
        limit = limiter.limit(UPLOADS, methods=["POST"])
        views[endpoint] = limit(views[endpoint])


def _was_wrong(response: Response) -> bool:
    return response.status_code == 422


def _take_little() -> None:
    if request.endpoint not in TAKES_FILES and not asked_by_program():
        request.max_content_length = SMALL_BODY_BYTES


def _forget_at_clock_jumps(limiter: Limiter) -> Callable[[], None]:
    """Counts end at a time of day; one that a new clock puts off for years would bar everyone."""
    ahead = time.time() - time.monotonic()

    def look() -> None:
        nonlocal ahead
        now = time.time() - time.monotonic()
        if abs(now - ahead) > _CLOCK_JUMP_S:
            ahead = now
            limiter.reset()

    return look


def _answer_with(limiter: Limiter) -> Callable[[RateLimitExceeded], Any]:
    def answer(error: RateLimitExceeded) -> Any:
        held = limiter.current_limit
        wait_s = max(1, held.reset_at - int(time.time())) if held else 60
        error.retry_after = wait_s
        if asked_by_program():
            return answer_error(error)
        page, code = error_page(429, ErrorText(_("Too many requests"), _when(wait_s)))
        response = make_response(page, code)
        response.headers["Retry-After"] = str(wait_s)
        return response

    return answer


def _when(wait_s: int) -> str:
    if wait_s < 100:
        return ngettext("Try again in %(num)s second.", "Try again in %(num)s seconds.", wait_s)
    minutes = -(-wait_s // 60)
    return ngettext("Try again in %(num)s minute.", "Try again in %(num)s minutes.", minutes)
