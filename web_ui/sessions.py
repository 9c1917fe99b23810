"""Who is logged in, in this process's memory: a cookie holds no more than a name for a line here.

So a session ends when it is ended, whoever still has its cookie, and with the service.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.page_settings import PageSettings
from edge.store.users import User

# More phones than a clinic has; the one that was used longest ago goes.
MOST_SESSIONS = 500


@dataclass(frozen=True)
class Session:
    """One browser of one person.

    Attributes:
        stamp: the person's, when she logged in.
        began_s: on this process's clock, which nobody sets; `seen_s` likewise, the last tap.
        locked: her password is asked for before anything is shown.
    """

    user_id: int
    stamp: str
    began_s: float
    seen_s: float
    locked: bool = False


class Sessions:
    """All sessions. Threads may share it.

    Attributes:
        settings: may be replaced at any time.
    """

    def __init__(
        self, settings: PageSettings | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings or PageSettings()
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def begin(self, user: User) -> str:
        """A new session's name, which nobody can guess."""
        now, name = self._clock(), secrets.token_urlsafe(32)
        with self._lock:
            while len(self._open) >= MOST_SESSIONS:
                del self._open[min(self._open, key=lambda each: self._open[each].seen_s)]
            self._open[name] = Session(user.user_id, user.stamp, now, now)
        return name

    def find(self, name: str) -> Session | None:
        """The session, locked where it was left alone; None where it is over or never was."""
        now = self._clock()
        with self._lock:
            found = self._open.get(name)
            if found is None:
                return None
            if now - found.began_s > self.settings.log_out_after_hours * 3600:
                del self._open[name]
                return None
            if now - found.seen_s > self.settings.lock_after_minutes * 60:
                found = self._open[name] = replace(found, locked=True)
            return found

    def touch(self, name: str) -> None:
        """Someone tapped."""
        self._change(name, seen_s=self._clock())

    def lock(self, name: str) -> None:
        """Asks for the password from now on."""
        self._change(name, locked=True)

    def unlock(self, name: str) -> None:
        """Goes on where it was."""
        self._change(name, locked=False, seen_s=self._clock())

    def end(self, name: str) -> None:
        """Is over; ending it twice does nothing."""
        with self._lock:
            self._open.pop(name, None)

    def _change(self, name: str, **values: object) -> None:
        with self._lock:
            found = self._open.get(name)
            if found is not None:
                self._open[name] = replace(found, **values)  # type: ignore[arg-type]
