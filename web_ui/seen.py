"""Who saw what: a page about a patient leaves a line in the log, once in ten minutes for a person.

A line that cannot be written keeps nobody from a result: a full disk is told elsewhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from flask import Flask, Response, request

from edge.contract.errors import StoreError
from edge.store.audit import Audit
from web_ui.access import RULES
from web_ui.context import context
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
        self._last: dict[tuple[int, str, str], float] = {}

    def is_new(self, user_id: int, what: str, subject: str) -> bool:
        """Whether this person has not seen it for a while; she has from now on."""
        now, key = self._clock(), (user_id, what, subject)
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
        who = user() if rule is not None and rule.seen else None
        if rule is None or who is None or response.status_code != 200:
            return response
        subject = _subject()
        if sights.is_new(who.user_id, rule.seen, subject):
            try:
                Audit(context().store).write(who.name, rule.seen, subject, {})
            except StoreError as error:
                log.error("that %s was seen is not in the log: %s", subject, error)
        return response

    app.after_request(note)


def _subject() -> str:
    """The specimen, or the address where the page is of none."""
    return str((request.view_args or {}).get("specimen_id", request.path))
