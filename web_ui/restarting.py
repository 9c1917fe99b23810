"""Starting the service anew from its page: the same program takes the place of this process.

Its number and its place under systemd stay, and so it works in a terminal and in a container, too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from web_ui.child_run import end_children

# The answer that says so must reach the phone first.
_DELAY_S = 0.5
SAFE_MODE = "--safe-mode"


class Restart:
    """A wish to start anew, and how it is granted.

    Args:
        end: ends this process the ordinary way; it is called a moment after the wish.
        delay_s: that moment.
    """

    def __init__(self, end: Callable[[], None] | None = None, delay_s: float = _DELAY_S) -> None:
        self._end = end or _end_process
        self._delay_s = delay_s
        self._wanted = threading.Event()

    @property
    def wanted(self) -> bool:
        """Someone asked for it."""
        return self._wanted.is_set()

    def ask(self) -> None:
        """Ends the process soon; asking twice does nothing."""
        if self._wanted.is_set():
            return
        self._wanted.set()
        timer = threading.Timer(self._delay_s, self._end)
        timer.daemon = True
        timer.start()


def _end_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def replace_process() -> None:
    """The same program with the same words, in this process. Does not return.

    Safe mode that was asked for by a word is left: who wants it again says so again.
    """
    end_children()
    sys.stdout.flush()
    sys.stderr.flush()
    words = [word for word in sys.orig_argv[1:] if word != SAFE_MODE]
    os.execv(sys.executable, [sys.executable, *words])
