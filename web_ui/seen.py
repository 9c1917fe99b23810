"""Who saw what: a page about a patient leaves a line in the log, once in ten minutes for a person
or a program.

A line that cannot be written keeps nobody from a result: a full disk is told elsewhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial

from flask import Flask, Response, request

from edge.contract.errors import StoreError
from edge.store.audit import Audit
from edge.store.store import Store
from web_ui.access import RULES, Rule
from web_ui.context import context
from web_ui.guard import program
from web_ui.person import user

log = logging.getLogger(__name__)

ONCE_IN_S = 600.0
_REMEMBERED = 5000


class Sights:
    """What was seen lately, so that a page that is looked at again is one line.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[tuple[Hashable, str, str], float] = {}

    def is_new(self, onlooker: Hashable, what: str, subject: str) -> bool:
        """Whether this person or program has not seen it for a while; from now on it has."""
        now, key = self._clock(), (onlooker, what, subject)
        with self._lock:
            last = self._last.pop(key, None)
            self._last[key] = now if last is None or now - last >= ONCE_IN_S else last
            if len(self._last) > _REMEMBERED:
                del self._last[next(iter(self._last))]
            return self._last[key] == now


def note_sights(app: Flask) -> None:
    """Writes down who saw the pages that `web_ui.access` marks."""
    sights = Sights()

    def note(response: Response) -> Response:
        rule = RULES.get(request.endpoint or "")
        if rule is None or not rule.seen or response.status_code != 200:
            return response
        onlooker, subject = _onlooker(rule), _subject()
        if onlooker is not None and sights.is_new(onlooker, rule.seen, subject):
            # Once the page is on its way: nobody waits for the disk.
            write = partial(_write, context().store, onlooker[1], rule.seen, subject, {})
            response.call_on_close(write)
        return response

    app.after_request(note)


def _onlooker(rule: Rule) -> tuple[int, str] | None:
    """Id and name of the person, or of the program where only those may ask."""
    if rule.scope:
        token = program()
        return token.token_id, f"program {token.name}"
    who = user()
    return None if who is None else (who.user_id, who.name)


def write_line(by: str, action: str, subject: str, **detail: str) -> None:
    """Adds a line to the log; where it cannot, that is no reason to keep anyone waiting."""
    _write(context().store, by, action, subject, detail)


def _write(store: Store, by: str, action: str, subject: str, detail: dict[str, str]) -> None:
    try:
        Audit(store).write(by, action, subject, detail)
    except StoreError as error:
        log.error("%s of %s by %r is not in the log: %s", action, subject, by, error)


def _subject() -> str:
    """The specimen, or the address where the page is of none."""
    return str((request.view_args or {}).get("specimen_id", request.path))
